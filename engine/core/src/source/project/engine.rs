//! `[store]` and `[engine]`.

use std::collections::BTreeMap;

use super::super::fields::Fields;
use super::super::report::Note;
use super::access::{read_oidc, read_reference};
use super::otel::read_otel;
use super::{EngineSettings, NewDags, Retention, Secret, notify};
use crate::name::ProfileName;
use crate::ticks::parse_zone;

pub(super) fn read_store(top: &Fields<'_, '_>, profile: &ProfileName) -> String {
    let default = || format!("sqlite://.noctule/{profile}/state.db");
    let Some(store) = top.table("store") else {
        return default();
    };
    let url = store.words("url").map(|words| {
        if !["sqlite://", "sqlite:", "postgres://", "postgresql://"]
            .iter()
            .any(|scheme| words.text.starts_with(scheme))
        {
            let note = Note::error("bad_value", words.place, "`url` is no address of a store");
            store
                .report
                .say(note.help("write `sqlite://PATH` or `postgres://…`"));
        }
        words.text.to_owned()
    });
    store.finish("[store]");
    url.unwrap_or_else(default)
}

pub(super) fn read_engine(
    top: &Fields<'_, '_>,
    secrets: &BTreeMap<String, Secret>,
) -> EngineSettings {
    let base = EngineSettings::default();
    let Some(fields) = top.table("engine") else {
        return base;
    };
    let new_dags = fields.choice(
        "new_dags",
        &[("active", NewDags::Active), ("paused", NewDags::Paused)],
    );
    let settings = EngineSettings {
        dags: fields
            .text("dags")
            .filter(|text| !text.is_empty())
            .unwrap_or(base.dags),
        watch: fields.flag("watch").unwrap_or(base.watch),
        new_dags: new_dags.unwrap_or(base.new_dags),
        slots: fields.count("slots", 1..=100_000).unwrap_or(base.slots),
        host_lost_after: fields
            .duration("host_lost_after")
            .unwrap_or(base.host_lost_after),
        listen: read_listen(&fields).unwrap_or(base.listen),
        public_url: read_public_url(&fields),
        trust_loopback: fields.flag("trust_loopback").unwrap_or(base.trust_loopback),
        bootstrap_token: read_reference(&fields, "bootstrap_token", secrets),
        oidc: read_oidc(&fields, secrets),
        display_timezone: read_zone(&fields),
        retention: read_retention(&fields),
        heartbeat: notify::read_heartbeat(&fields, secrets),
        callbacks: notify::read_callbacks(&fields, secrets),
        otel: read_otel(&fields, secrets),
    };
    fields.finish("[engine]");
    settings
}

fn read_listen(fields: &Fields<'_, '_>) -> Option<String> {
    let words = fields.words("listen")?;
    let port = words
        .text
        .rsplit_once(':')
        .filter(|(host, _)| !host.is_empty())
        .map(|(_, port)| port.parse::<u16>());
    if !matches!(port, Some(Ok(_))) {
        let note = Note::error(
            "bad_value",
            words.place,
            "`listen` is no address with a port",
        );
        fields
            .report
            .say(note.help("write HOST:PORT, like 127.0.0.1:7878"));
    }
    Some(words.text.to_owned())
}

fn read_public_url(fields: &Fields<'_, '_>) -> Option<String> {
    let words = fields.words("public_url")?;
    if !words.text.starts_with("https://") && !words.text.starts_with("http://") {
        fields.bad_value(
            "public_url",
            "`public_url` must begin with https:// or http://",
        );
    }
    Some(words.text.to_owned())
}

fn read_zone(fields: &Fields<'_, '_>) -> Option<String> {
    let words = fields.words("display_timezone")?;
    if let Err(error) = parse_zone(words.text) {
        fields
            .report
            .say(Note::error("zone", words.place, error.to_string()));
        return None;
    }
    Some(words.text.to_owned())
}

fn read_retention(fields: &Fields<'_, '_>) -> Retention {
    let base = Retention::default();
    let Some(table) = fields.table("retention") else {
        return base;
    };
    let retention = Retention {
        runs: table.duration("runs").unwrap_or(base.runs),
        failed: table.duration("failed").unwrap_or(base.failed),
        logs: table.duration("logs").unwrap_or(base.logs),
        keep_last: table
            .count("keep_last", 0..=1_000_000)
            .unwrap_or(base.keep_last),
    };
    table.finish("retention");
    retention
}
