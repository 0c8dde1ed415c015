//! The inbox: open to everybody while an engine holds the store, and answered in its commits.

use noctule_core::ask::{Answer, Ask, Wish};
use noctule_core::run::Actor;
use noctule_store::Write;

use crate::bed::{Bed, on_every_store};
use crate::sample::{minutes, noon, owner};

pub(crate) fn reload() -> Ask {
    let by = Actor {
        name: "ada".to_owned(),
        via: "cli".to_owned(),
    };
    Ask {
        profile: "prod".parse().unwrap(),
        by,
        at: noon(),
        valid_until: minutes(1440),
        wish: Wish::Reload,
    }
}

fn done() -> Answer {
    Answer::Done {
        run: None,
        existing: false,
        notes: vec!["read again".to_owned()],
    }
}

async fn an_ask_comes_in_while_an_engine_holds_the_store_and_its_answer_comes_back(bed: Bed) {
    let (engine, asker) = (bed.open().await, bed.open().await);
    let lease = engine.acquire(&owner()).await.unwrap();
    let (first, second) = (
        asker.ask(&reload()).await.unwrap(),
        asker.ask(&reload()).await.unwrap(),
    );
    assert_eq!(
        engine.pending_asks().await.unwrap(),
        [(first, reload()), (second, reload())]
    );
    assert_eq!(asker.answer_of(first).await.unwrap(), None);

    engine
        .commit(
            &lease,
            &[Write::Answer {
                ask: first,
                answer: &done(),
            }],
        )
        .await
        .unwrap();
    assert_eq!(asker.answer_of(first).await.unwrap(), Some(done()));
    assert_eq!(engine.pending_asks().await.unwrap(), [(second, reload())]);
    let recent = asker.recent_asks(10).await.unwrap();
    assert_eq!(
        recent,
        [(second, reload(), None), (first, reload(), Some(done()))]
    );
}

async fn an_answer_is_never_written_over(bed: Bed) {
    let store = bed.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    let ask = store.ask(&reload()).await.unwrap();
    let other = Answer::Done {
        run: None,
        existing: true,
        notes: Vec::new(),
    };
    store
        .commit(
            &lease,
            &[
                Write::Answer {
                    ask,
                    answer: &done(),
                },
                Write::Answer {
                    ask,
                    answer: &other,
                },
            ],
        )
        .await
        .unwrap();
    assert_eq!(store.answer_of(ask).await.unwrap(), Some(done()));
}

async fn a_change_by_another_process_is_noticed_and_patience_ends_the_wait(bed: Bed) {
    let (watcher, asker) = (bed.open().await, bed.open().await);
    let token = watcher.change_token().await.unwrap();
    let unchanged = watcher
        .changed_since(token, std::time::Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(unchanged, token);
    let waiting = tokio::spawn({
        let watcher = watcher.clone();
        async move {
            watcher
                .changed_since(token, std::time::Duration::from_secs(60))
                .await
        }
    });
    asker.ask(&reload()).await.unwrap();
    assert_ne!(waiting.await.unwrap().unwrap(), token);
}

on_every_store!(
    an_ask_comes_in_while_an_engine_holds_the_store_and_its_answer_comes_back,
    an_answer_is_never_written_over,
    a_change_by_another_process_is_noticed_and_patience_ends_the_wait,
);
