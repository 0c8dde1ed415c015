//! Layouts that were made before. A version never changes, so neither does its picture.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use noctule_core::dag::Dag;
use noctule_core::name::DagHash;
use noctule_core::picture::{Cut, Picture};

use crate::problem::{Code, Problem};
use crate::web::Web;

/// Layouts kept in memory: of 500 tasks each, some hundred kilobytes.
const KEPT: usize = 256;

/// Layouts by version and by what of it is shown.
#[derive(Default)]
pub(crate) struct Pictures(Mutex<HashMap<(DagHash, Cut), Arc<Picture>>>);

impl Pictures {
    fn get(&self, key: &(DagHash, Cut)) -> Option<Arc<Picture>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(key).cloned()
    }

    fn keep(&self, key: (DagHash, Cut), picture: &Arc<Picture>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(key, Arc::clone(picture));
    }
}

impl Web {
    /// The layout of a part of a DAG; made on a thread of its own, once.
    pub(crate) async fn picture(&self, dag: &Arc<Dag>, cut: Cut) -> Result<Arc<Picture>, Problem> {
        let key = (dag.hash().clone(), cut);
        if let Some(picture) = self.pictures().get(&key) {
            return Ok(picture);
        }
        let (dag, cut) = (Arc::clone(dag), key.1.clone());
        let made = tokio::task::spawn_blocking(move || Arc::new(Picture::of(&dag, &cut))).await;
        let picture = made.map_err(|error| {
            tracing::error!(%error, "a graph could not be laid out");
            Problem::new(Code::Internal, "the graph could not be laid out")
        })?;
        self.pictures().keep(key, &picture);
        Ok(picture)
    }
}
