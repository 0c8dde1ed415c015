//! Peers that talk nonsense to the supervisor's socket: it goes on serving everybody else.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod store;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use noctule_executor::Outcome;
use noctule_process::Process;
use serde_json::{Value, json};
use store::Store;

fn frame(body: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(body);
    bytes
}

/// Says something and hears what comes until the connection is closed; by us if `bye`.
fn say(store: &Store, bytes: &[u8], bye: bool) -> Vec<u8> {
    let mut stream = UnixStream::connect(store.socket()).unwrap();
    // A peer that has been thrown out cannot be written to.
    drop(stream.write_all(bytes));
    if bye {
        stream.shutdown(std::net::Shutdown::Write).unwrap();
    }
    let mut heard = Vec::new();
    drop(stream.read_to_end(&mut heard));
    heard
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_ends_its_connection_and_nothing_else() {
    let (store, process) = (Store::new(), Process::default());
    store
        .outcome(&process, "a", json!({"command": ["true"]}))
        .await;
    let before = store.supervisor();
    let deep = "[".repeat(100_000);
    for bytes in [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        u32::MAX.to_be_bytes().to_vec(),
        frame(b"{}"),
        frame(b"\xff\xfe"),
        frame(deep.as_bytes()),
        frame(br#"{"id": 1, "ask": {"wait": {"keys": [], "patience_ms": 1}}}"#),
        frame(br#"{"id": 1, "ask": {"launch": {"key": "x", "command": ["true"], "env": {}, "cwd": "/", "stdin": null}}}"#),
    ] {
        assert!(say(&store, &bytes, false).is_empty());
    }
    say(&store, &[0, 0], true);
    let outcome = store
        .outcome(&process, "b", json!({"command": ["true"]}))
        .await;
    assert!(matches!(outcome, Outcome::Succeeded { .. }));
    assert_eq!(store.supervisor(), before);
    assert!(!store.root().join("x.record").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_of_another_protocol_or_store_is_told_why() {
    let (store, process) = (Store::new(), Process::default());
    store
        .outcome(&process, "a", json!({"command": ["true"]}))
        .await;
    for (hello, reason) in [
        (
            json!({"oldest": 90, "newest": 99, "store": "0a1b2c3d"}),
            "protocol",
        ),
        (
            json!({"oldest": 0, "newest": 0, "store": "0a1b2c3d"}),
            "protocol",
        ),
        (
            json!({"oldest": 1, "newest": 1, "store": "ffffffff"}),
            "store",
        ),
    ] {
        let hello = json!({"id": 0, "ask": {"hello": hello}}).to_string();
        let heard = say(&store, &frame(hello.as_bytes()), true);
        let answer: Value = serde_json::from_slice(&heard[4..]).unwrap();
        let message = answer["say"]["refused"]["message"].as_str().unwrap();
        assert!(message.contains(reason), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_keys_reach_no_folder() {
    let (store, process) = (Store::new(), Process::default());
    store
        .outcome(&process, "a", json!({"command": ["true"]}))
        .await;
    for key in ["..", "../../etc", "a/b", ""] {
        assert!(
            store
                .launch(&process, key, json!({"command": ["true"]}))
                .await
                .is_err()
        );
        let hello =
            json!({"id": 0, "ask": {"hello": {"oldest": 1, "newest": 1, "store": "0a1b2c3d"}}});
        let launch = json!({"id": 1, "ask": {"launch": {
            "key": key, "command": ["true"], "env": {}, "cwd": "/", "stdin": null}}});
        let mut stream = UnixStream::connect(store.socket()).unwrap();
        stream
            .write_all(&frame(hello.to_string().as_bytes()))
            .unwrap();
        stream
            .write_all(&frame(launch.to_string().as_bytes()))
            .unwrap();
        let mut heard = vec![0; 4096];
        let mut text = String::new();
        while !text.contains("attempt key") {
            let count = stream.read(&mut heard).unwrap();
            assert!(count > 0);
            text.push_str(&String::from_utf8_lossy(&heard[..count]));
        }
    }
}
