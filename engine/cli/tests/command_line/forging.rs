//! Stores that are changed by hand, past the program.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::projects::Project;

/// Does these statements, each with both texts; how many rows were changed.
pub(crate) fn by_hand(project: &Project, statements: &[&'static str], texts: (&str, &str)) -> u64 {
    let path = project.path().join(".noctule/default/state.db");
    let options = SqliteConnectOptions::new().filename(path);
    let forging = async {
        let mut store = options.connect().await.unwrap();
        let mut changed = 0;
        for statement in statements {
            let done = sqlx::query(*statement).bind(texts.0).bind(texts.1);
            changed += done.execute(&mut store).await.unwrap().rows_affected();
        }
        store.close().await.unwrap();
        changed
    };
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(forging)
}
