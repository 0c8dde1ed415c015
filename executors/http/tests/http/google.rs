//! Google's tokens: for the origin of the call, from wherever Google's own rules find them.

use serde_json::json;
use tokio::process::Command;

use crate::evil::{Evil, answer};
use crate::launch;

/// Where the process of the call finds its service.
const SERVICE: &str = "NOCTULE_TESTING_SERVICE";
/// `{"alg":"none"}`, `{"exp":4102444800}`, `x`.
const TOKEN: &str = "eyJhbGciOiJub25lIn0.eyJleHAiOjQxMDI0NDQ4MDB9.eA";

#[tokio::test]
#[ignore = "started as a process of its own by the test below"]
async fn process_that_calls() {
    let Ok(service) = std::env::var(SERVICE) else {
        return;
    };
    let with = json!({ "url": service, "json": {}, "auth": "google_id_token" });
    launch(with).await.expect("an answer");
}

#[tokio::test]
async fn a_call_carries_a_token_for_its_origin() {
    let metadata = Evil::new([answer("200 OK", "metadata-flavor: Google\r\n", TOKEN)]).await;
    let service = Evil::new([answer("200 OK", "", "")]).await;
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "google::process_that_calls", "--ignored"])
        .env(SERVICE, service.url("/v1?x=1"))
        .env("GCE_METADATA_HOST", metadata.address.to_string())
        .env("HOME", "/nonexistent")
        .env_remove("GOOGLE_APPLICATION_CREDENTIALS")
        .status()
        .await
        .unwrap();
    assert!(status.success());
    let asked = metadata.heard()[0].clone();
    let origin = service.url("");
    let encoded = origin.replace(':', "%3A").replace('/', "%2F");
    assert!(
        asked.contains(&format!("audience={origin}")) || asked.contains(&encoded),
        "{asked}"
    );
    let heard = service.heard();
    assert!(
        heard[0].contains(&format!("authorization: Bearer {TOKEN}\r\n")),
        "{}",
        heard[0]
    );
}
