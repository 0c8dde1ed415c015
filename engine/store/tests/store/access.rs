//! Tokens, sessions and audit events: written whoever holds the store, seen at once by every reader.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use noctule_core::access::{Role, Scope};
use noctule_core::retention::Horizon;
use noctule_core::run::{Actor, RunEnding};
use noctule_store::{
    AccessSecret, AuditEvent, AuditId, Grant, Revocation, RunFilter, SecretKind, Session, Store,
};

use crate::bed::{Bed, on_every_store};
use crate::forgetting::ended;
use crate::sample::{minutes, noon, owner};

on_every_store!(
    a_token_is_made_used_and_revoked_while_an_engine_holds_the_store,
    a_name_means_one_token_that_counts,
    of_a_secret_only_the_hash_is_stored,
    a_session_ends_with_its_time_or_by_logging_out,
    a_session_of_another_is_listed_and_ended_by_its_short_name,
    audit_events_come_in_pages_and_keep_what_was_said_first,
    old_audit_events_are_forgotten_and_others_stay,
    tokens_and_audit_events_travel_and_sessions_do_not,
    runs_are_found_among_the_dags_of_a_scope_and_no_letter_means_another,
);

fn ada() -> Actor {
    Actor {
        name: "ada".to_owned(),
        via: "cli".to_owned(),
    }
}

fn grant(name: &str, expires_at: Option<DateTime<Utc>>) -> Grant {
    Grant {
        name: name.to_owned(),
        role: Role::Operator,
        scope: Scope::of(vec!["c8*".to_owned()]).unwrap(),
        created_at: noon(),
        created_by: ada(),
        expires_at,
    }
}

fn secret() -> AccessSecret {
    AccessSecret::new(SecretKind::Token).unwrap()
}

pub(crate) async fn made(store: &Store, name: &str) -> AccessSecret {
    let secret = secret();
    let made = store.create_token(&secret.hash(), &grant(name, None)).await;
    assert!(made.unwrap(), "{name}");
    secret
}

pub(crate) fn event(act: &str, at: DateTime<Utc>) -> AuditEvent {
    AuditEvent {
        at,
        by: ada(),
        from: Some("127.0.0.1".to_owned()),
        act: act.to_owned(),
        on: Some("nightly".to_owned()),
    }
}

async fn a_token_is_made_used_and_revoked_while_an_engine_holds_the_store(bed: Bed) {
    let (engine, other) = (bed.open().await, bed.open().await);
    let _lease = engine.acquire(&owner()).await.unwrap();
    let secret = secret();
    let given = grant("ci", Some(minutes(60)));
    assert!(other.create_token(&secret.hash(), &given).await.unwrap());
    let seen = engine.token_of(&secret.hash()).await.unwrap().unwrap();
    assert_eq!(seen.grant, given);
    assert!(seen.counts_at(minutes(59)) && !seen.counts_at(minutes(60)));
    assert_eq!(seen.last_used, None);
    let used = minutes(5).trunc_subsecs(3);
    engine.touch_token(&secret.hash(), used).await.unwrap();
    assert_eq!(other.tokens().await.unwrap()[0].last_used, Some(used));

    let revocation = Revocation {
        at: minutes(10),
        by: ada(),
    };
    assert!(
        !other
            .revoke_token("0123456789ab", &revocation)
            .await
            .unwrap()
    );
    assert!(other.revoke_token(&seen.id, &revocation).await.unwrap());
    let seen = engine.token_of(&secret.hash()).await.unwrap().unwrap();
    assert_eq!(seen.revoked.as_ref(), Some(&revocation));
    assert!(!seen.counts_at(minutes(11)));
    let later = Revocation {
        at: minutes(20),
        ..revocation.clone()
    };
    assert!(other.revoke_token(&seen.id, &later).await.unwrap());
    let seen = engine.token_of(&secret.hash()).await.unwrap().unwrap();
    assert_eq!(seen.revoked, Some(revocation), "what was said first stays");
    assert_eq!(
        engine
            .token_of(&crate::access::secret().hash())
            .await
            .unwrap(),
        None
    );
}

async fn a_name_means_one_token_that_counts(bed: Bed) {
    let store = bed.open().await;
    let first = made(&store, "ci").await;
    let again = store
        .create_token(&secret().hash(), &grant("ci", None))
        .await;
    assert!(!again.unwrap());
    assert_eq!(store.tokens().await.unwrap().len(), 1);
    let id = first.hash().short();
    let revocation = Revocation {
        at: minutes(1),
        by: ada(),
    };
    assert!(store.revoke_token(&id, &revocation).await.unwrap());
    made(&store, "ci").await;
    assert_eq!(store.tokens().await.unwrap().len(), 2);
}

async fn of_a_secret_only_the_hash_is_stored(bed: Bed) {
    let store = bed.open().await;
    let token = made(&store, "ci").await;
    let session = AccessSecret::new(SecretKind::Session).unwrap();
    let opened = store
        .open_session(&session.hash(), &login(minutes(60)))
        .await;
    opened.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.db");
    let options = crate::sample::options(folder.path());
    store.back_up(&file, options, &owner()).await.unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    if let Ok(there) = std::fs::read(bed.path().join("state.db")) {
        bytes.extend(there);
        bytes.extend(std::fs::read(bed.path().join("state.db-wal")).unwrap_or_default());
    }
    let holds = |text: &str| {
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    assert!(holds("\"ci\""), "the token is there");
    for secret in [token, session] {
        assert!(!holds(&secret.expose()[4..68]), "its secret is not");
    }
}

fn login(expires_at: DateTime<Utc>) -> Session {
    Session {
        name: "ada@example.com".to_owned(),
        role: Role::Viewer,
        scope: Scope::everything(),
        provider: "https://login.example.com noctule".to_owned(),
        created_at: noon(),
        expires_at,
    }
}

async fn a_session_of_another_is_listed_and_ended_by_its_short_name(bed: Bed) {
    let (here, there) = (bed.open().await, bed.open().await);
    let mut hashes = Vec::new();
    for (minute, end) in [(1, 60), (2, 60), (0, 5)] {
        let secret = AccessSecret::new(SecretKind::Session).unwrap();
        let session = Session {
            created_at: minutes(minute),
            ..login(minutes(end))
        };
        here.open_session(&secret.hash(), &session).await.unwrap();
        hashes.push(secret.hash());
    }
    let listed = async |at| {
        let all = there.sessions(at).await.unwrap();
        all.into_iter().map(|(id, _)| id).collect::<Vec<_>>()
    };
    let [first, second] = [hashes[0].short(), hashes[1].short()];
    assert_eq!(listed(minutes(10)).await, [second.clone(), first.clone()]);
    assert!(there.end_session(&first).await.unwrap());
    assert!(!there.end_session(&first).await.unwrap(), "it is gone");
    assert_eq!(listed(minutes(10)).await, [second]);
    let gone = here.session_of(&hashes[0], minutes(10)).await.unwrap();
    assert_eq!(gone, None);
}

async fn a_session_ends_with_its_time_or_by_logging_out(bed: Bed) {
    let (here, there) = (bed.open().await, bed.open().await);
    let open = async |end| {
        let secret = AccessSecret::new(SecretKind::Session).unwrap();
        here.open_session(&secret.hash(), &login(end))
            .await
            .unwrap();
        secret.hash()
    };
    let (short, long) = (open(minutes(10)).await, open(minutes(60)).await);
    let seen = async |hash, at| there.session_of(hash, at).await.unwrap().is_some();
    assert!(seen(&short, minutes(9)).await);
    assert!(!seen(&short, minutes(10)).await);
    assert!(seen(&long, minutes(10)).await);
    here.close_session(&long).await.unwrap();
    assert!(!seen(&long, minutes(10)).await);
}

async fn audit_events_come_in_pages_and_keep_what_was_said_first(bed: Bed) {
    let store = bed.open().await;
    let mut ids: Vec<AuditId> = Vec::new();
    for n in 0..5 {
        let begun = store
            .begin_audit(&event(&format!("act{n}"), minutes(n)))
            .await;
        ids.push(begun.unwrap());
    }
    store.end_audit(ids[3], "done").await.unwrap();
    store.end_audit(ids[3], "refused").await.unwrap();
    let page = store.audit(None, 2).await.unwrap();
    assert_eq!(
        page,
        [
            (ids[4], event("act4", minutes(4)), None),
            (ids[3], event("act3", minutes(3)), Some("done".to_owned())),
        ]
    );
    let rest = store.audit(Some(ids[3]), 10).await.unwrap();
    let rest: Vec<AuditId> = rest.into_iter().map(|(id, ..)| id).collect();
    assert_eq!(rest, [ids[2], ids[1], ids[0]]);
}

async fn old_audit_events_are_forgotten_and_others_stay(bed: Bed) {
    let store = bed.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    for at in [noon(), minutes(1), minutes(100)] {
        store.begin_audit(&event("act", at)).await.unwrap();
    }
    let horizon = Horizon {
        succeeded_before: noon() - TimeDelta::days(1),
        others_before: minutes(50),
        logs_before: noon(),
        keep_last: 0,
    };
    store.forget_loose_ends(&lease, &horizon).await.unwrap();
    let left = store.audit(None, 10).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].1.at, minutes(100));
}

async fn tokens_and_audit_events_travel_and_sessions_do_not(bed: Bed) {
    let store = bed.open().await;
    let secret = made(&store, "ci").await;
    store.touch_token(&secret.hash(), minutes(3)).await.unwrap();
    let revoked = made(&store, "old").await;
    let revocation = Revocation {
        at: minutes(4),
        by: ada(),
    };
    let id = revoked.hash().short();
    store.revoke_token(&id, &revocation).await.unwrap();
    let session = AccessSecret::new(SecretKind::Session).unwrap().hash();
    store
        .open_session(&session, &login(minutes(60)))
        .await
        .unwrap();
    let audited = store.begin_audit(&event("act", noon())).await.unwrap();
    store.end_audit(audited, "done").await.unwrap();

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.db");
    let options = || crate::sample::options(folder.path());
    store.back_up(&file, options(), &owner()).await.unwrap();
    let backup = Store::open("sqlite://backup.db", options()).await.unwrap();
    let other = bed.another().await;
    let back = other.open().await;
    let lease = back.acquire(&owner()).await.unwrap();
    let moved = noctule_store::Arrival::Moved;
    backup.copy_into(&back, &lease, moved).await.unwrap();
    assert_eq!(back.tokens().await.unwrap(), store.tokens().await.unwrap());
    let events = store.audit(None, 10).await.unwrap();
    assert_eq!(back.audit(None, 10).await.unwrap(), events);
    assert_eq!(back.session_of(&session, minutes(1)).await.unwrap(), None);
    let next = back.begin_audit(&event("next", noon())).await.unwrap();
    assert!(next > audited);
    // Tokens of another store never come to count beside these.
    let guarded = bed.another().await;
    let guarded = guarded.open().await;
    made(&guarded, "local").await;
    let lease = guarded.acquire(&owner()).await.unwrap();
    let taken = backup.copy_into(&guarded, &lease, moved).await;
    assert!(matches!(taken, Err(noctule_store::StoreError::NotEmpty(_))));
}

async fn runs_are_found_among_the_dags_of_a_scope_and_no_letter_means_another(bed: Bed) {
    let store = bed.open().await;
    let lease = store.acquire(&owner()).await.unwrap();
    for dag in ["c8_x", "c8yx", "c8_xy", "C8_x"] {
        ended(&store, &lease, dag, &[(RunEnding::Succeeded, 1)]).await;
    }
    for (patterns, dags) in [
        (vec!["c8_x"], vec!["c8_x"]),
        (vec!["c8_*"], vec!["c8_x", "c8_xy"]),
        (vec!["*x"], vec!["C8_x", "c8_x", "c8yx"]),
        (vec!["c8yx", "C8*"], vec!["C8_x", "c8yx"]),
        (vec!["nothing"], vec![]),
        (vec![], vec!["C8_x", "c8_x", "c8_xy", "c8yx"]),
    ] {
        let scope = Scope::of(patterns.iter().map(|&glob| glob.to_owned()).collect());
        let filter = RunFilter {
            among: Some(scope.unwrap()),
            ..RunFilter::default()
        };
        let found = store.find_runs(&filter).await.unwrap();
        let mut found: Vec<String> = found.iter().map(|run| run.facts.dag.to_string()).collect();
        found.sort_unstable();
        assert_eq!(found, dags, "{patterns:?}");
    }
}
