//! An engine that is asked to end while its database goes away.

use std::io::Write as _;
use std::net::TcpListener;

use noctule_test_postgres::Proxy;
use rustix::process::Signal;

use crate::project::Project;
use crate::taking_over::runtime;

/// One call, which is under way for as long as nobody answers it.
const CALL: &str = "[tasks.call]\nexecutor = \"http\"\nwith.url = \"http://ADDRESS/\"\n";

#[test]
fn an_engine_that_loses_the_store_while_it_drains_ends_well() {
    let runtime = runtime();
    let database = runtime.block_on(noctule_test_postgres::database()).unwrap();
    let road = runtime.block_on(Proxy::to(&database)).unwrap();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let store = format!("[store]\nurl = \"{}&lease_ttl=2\"\n", road.url());
    let project = Project::new(&store, &CALL.replace("ADDRESS", &address));
    let mut engine = project.start(&["serve"]);
    engine.tells("noctule serves ");
    project.ends(&["trigger", "dag"]).with(0);
    let (mut call, _) = server.accept().unwrap();
    engine.send(Signal::TERM);
    engine.tells("draining: ");
    road.cut();
    let ended = engine.end().with(0);
    assert!(
        ended.stderr.contains("the store was lost while draining"),
        "{}",
        ended.stderr
    );
    // Nobody had answered by then.
    drop(call.write_all(b"HTTP/1.1 200 OK\r\n\r\n"));
}
