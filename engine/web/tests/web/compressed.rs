//! What is made smaller on its way, for whom, and what never is.

use std::io::Read;

use flate2::read::GzDecoder;

use crate::client::{Answer, Ask};
use crate::stage::{QUICK, Stage};

async fn asked(stage: &Stage, target: &str, headers: &[(&str, &str)]) -> Answer {
    let ask = headers.iter().fold(Ask::get(target), |ask, (name, value)| {
        ask.header(name, value)
    });
    ask.send(stage.address).await
}

fn plain(answer: &Answer) -> Vec<u8> {
    let mut whole = Vec::new();
    let mut decoder = GzDecoder::new(answer.body.as_slice());
    decoder.read_to_end(&mut whole).unwrap();
    whole
}

const GZIP: (&str, &str) = ("accept-encoding", "gzip");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_gzip_gets_the_same_answer_in_fewer_bytes() {
    let stage = Stage::new(&[QUICK]).await;
    for target in ["/api/v1/openapi.json", "/", "/health"] {
        let whole = asked(&stage, target, &[]).await;
        let small = asked(&stage, target, &[GZIP]).await;
        assert_eq!(whole.header("content-encoding"), None, "{target}");
        assert_eq!(small.header("content-encoding"), Some("gzip"), "{target}");
        assert_eq!(small.header("content-type"), whole.header("content-type"));
        let length = small.header("content-length").unwrap();
        assert_eq!(length, small.body.len().to_string(), "{target}");
        assert!(small.body.len() * 2 < whole.body.len(), "{target}");
        if target.ends_with("json") {
            assert_eq!(plain(&small), whole.body);
        } else {
            assert!(plain(&small).ends_with(b"</html>"), "{target}");
        }
        for answer in [&whole, &small] {
            assert_eq!(
                answer.header("vary"),
                Some("accept-encoding, sec-fetch-site")
            );
        }
    }
}

/// Somebody whose page opens an address of ours again and again, with words of their own in it, learns from the length of
/// the answer which of them stand in it: so such an answer has its full length. Other than by a link it is refused anyway.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_page_of_another_site_has_fetched_is_not_compressed() {
    let stage = Stage::new(&[QUICK]).await;
    for site in ["cross-site", "same-site"] {
        let from = [
            GZIP,
            ("sec-fetch-site", site),
            ("sec-fetch-mode", "navigate"),
        ];
        let answer = asked(&stage, "/", &from).await;
        assert_eq!(
            (answer.status, answer.header("content-encoding")),
            (200, None)
        );
    }
    let own = asked(&stage, "/", &[GZIP, ("sec-fetch-site", "same-origin")]).await;
    assert_eq!(own.header("content-encoding"), Some("gzip"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_logs_and_what_is_small_are_sent_as_they_are() {
    let stage = Stage::new(&[QUICK]).await;
    let run = stage.trigger("quick").await;
    stage.over(&run).await;
    let task = stage.task(&run, "t").await;
    let log = format!("/api/v1/task-runs/{task}/attempts/1/logs");
    for target in [log.as_str(), "/healthz", "/api/v1/backfills"] {
        let answer = asked(&stage, target, &[GZIP]).await;
        assert_eq!(answer.header("content-encoding"), None, "{target}");
    }
    let ask = Ask::get("/api/v1/events").header(GZIP.0, GZIP.1);
    let mut events = crate::client::Listener::of(stage.address, ask).await;
    events.next().await;
}
