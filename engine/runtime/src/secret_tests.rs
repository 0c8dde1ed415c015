//! Secrets of vaults, as one call resolves them.

use std::sync::atomic::{AtomicUsize, Ordering};

use noctule_core::desk::Desk;
use noctule_executor::Finding;
use noctule_executor::Vault;
use noctule_executor::secrecy::ExposeSecret;
use serde_json::{Map, Value};

use super::*;
use crate::Surroundings;

const CANARY: &str = "canary-4b1d";

/// Gives the canary with the number of the reading; answers when somebody else had his turn.
#[derive(Clone, Default)]
struct Counting {
    reads: Arc<AtomicUsize>,
    fails: Option<ExecutorError>,
}

#[async_trait]
impl Vault for Counting {
    fn kind(&self) -> &'static str {
        "gcp"
    }

    fn connection_kind(&self) -> &'static str {
        "google"
    }

    fn check(&self, _: &str) -> Result<(), String> {
        Ok(())
    }

    async fn read(&self, context: &Context, name: &str) -> Result<SecretString, ExecutorError> {
        assert_eq!(name, "projects/p/secrets/s");
        let connection = context.connection.as_ref().map(|known| known.name.as_str());
        assert_eq!(connection, Some("gcp"));
        let number = self.reads.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(100)).await;
        match &self.fails {
            Some(error) => Err(error.clone()),
            None => Ok(SecretString::from(format!("{CANARY}-{number}"))),
        }
    }

    fn rights(&self, _: &[String]) -> Value {
        Value::Null
    }

    async fn preflight(&self, _: &Context, _: &[String]) -> Vec<Finding> {
        Vec::new()
    }
}

fn surroundings(vault: Counting) -> Surroundings {
    let connection = Connection {
        name: "gcp".to_owned(),
        kind: "google".to_owned(),
        settings: Map::new(),
    };
    let secret = Secret {
        origin: Origin::Vault {
            kind: "gcp".to_owned(),
            name: "projects/p/secrets/s".to_owned(),
            connection: Some(connection.clone()),
        },
        dags: vec!["nightly*".to_owned()],
    };
    let desk = Desk {
        registry: Registry::new().with_vault(vault),
        connections: BTreeMap::from([("gcp".to_owned(), connection)]),
        secrets: BTreeMap::new(),
        store: "0123abcd".parse().expect("a store id"),
        public_url: None,
        traces: false,
    };
    let host = Host {
        state_dir: PathBuf::new(),
        store_id: "0123abcd".to_owned(),
        env: BTreeMap::new(),
        binary: PathBuf::new(),
    };
    let secrets = Arc::new(BTreeMap::from([("db".to_owned(), secret)]));
    Surroundings::new(Arc::new(desk), secrets, Arc::new(host), Map::new())
}

fn db() -> SecretRef {
    SecretRef {
        secret: "db".to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn one_call_reads_a_secret_once_however_often_it_is_wanted() {
    let vault = Counting::default();
    let context = surroundings(vault.clone()).context("nightly-1", None);
    let (a, b) = (db(), db());
    let (first, second) = tokio::join!(context.secrets.resolve(&a), context.secrets.resolve(&b));
    let third = context.secrets.resolve(&db()).await;
    for value in [first, second, third] {
        assert_eq!(value.expect("a value").expose_secret(), "canary-4b1d-0");
    }
    assert_eq!(vault.reads.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn the_next_call_reads_it_anew_and_so_does_one_that_lasts() {
    let vault = Counting::default();
    let surroundings = surroundings(vault);
    let read = async |context: &Context| {
        let value = context.secrets.resolve(&db()).await;
        value.expect("a value").expose_secret().to_owned()
    };
    let first = surroundings.context("nightly-1", None);
    assert_eq!(read(&first).await, "canary-4b1d-0");
    let second = surroundings.context("nightly-1", None);
    assert_eq!(read(&second).await, "canary-4b1d-1");
    tokio::time::advance(KEPT).await;
    assert_eq!(read(&first).await, "canary-4b1d-2");
}

#[tokio::test(start_paused = true)]
async fn a_failed_read_names_the_secret_is_not_kept_and_is_no_unknown_outcome() {
    let vault = Counting {
        fails: Some(ExecutorError::unknown("the answer is lost")),
        ..Counting::default()
    };
    let context = surroundings(vault.clone()).context("nightly-1", None);
    for _ in 0..2 {
        let error = context.secrets.resolve(&db()).await.expect_err("it fails");
        assert!(matches!(
            error,
            ExecutorError::Unavailable { alarm: false, .. }
        ));
        assert_eq!(error.to_string(), "secret `db`: the answer is lost");
    }
    assert_eq!(vault.reads.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_dag_that_may_not_use_it_asks_no_vault() {
    let vault = Counting::default();
    let context = surroundings(vault.clone()).context("other", None);
    let error = context
        .secrets
        .resolve(&db())
        .await
        .expect_err("it is refused");
    assert!(error.to_string().contains("may not be used by DAG `other`"));
    assert_eq!(vault.reads.load(Ordering::SeqCst), 0);
}
