//! `run`, `follow` and `trigger`: a run of now, here or by the engine that is there.

use std::time::Duration;

use noctule_core::ask::{Answer, Ask, TriggerWish, Wish};
use noctule_core::name::RunId;
use noctule_core::ticks::parse_duration;
use noctule_store::{Role, Store, StoreError};
use serde_json::json;

use super::asking::{ANSWER, actor, answered};
use super::following::{Following, ask_and_wait};
use super::hosting::{Hosted, Purpose, owner};
use super::remote;
use crate::args::{FollowArgs, Format, GivenArgs, RunArgs, TriggerArgs};
use crate::error::CliError;
use crate::exit::Exit;
use crate::looking::Given;
use crate::output::document;
use crate::project::{Chosen, OpenProject};
use crate::run_name::{self, Several};
use crate::server::Server;
use crate::surface::Surface;

/// What is given, and the DAG is one that can run.
fn given(args: &GivenArgs, chosen: &Chosen, surface: &Surface) -> Result<Given, CliError> {
    let definition = chosen.dag.definition();
    if let [first, ..] = definition.not_yet.as_slice() {
        return Err(CliError::usage(format!(
            "`{}` cannot run yet: {first}",
            definition.id
        )));
    }
    Given::read(args, &chosen.dag, surface)
}

fn wish(chosen: &Chosen, given: Given, key: Option<String>) -> TriggerWish {
    TriggerWish {
        dag: chosen.dag.definition().id.clone(),
        version: Some(chosen.dag.hash().clone()),
        params: given.params,
        ingestion_id: given
            .has_own_id
            .then(|| given.ingestion_id.as_str().to_owned()),
        logical_time: given.logical_time,
        idempotency_key: key,
        callback_url: None,
    }
}

fn ask(
    chosen: &Chosen,
    surface: &Surface,
    wish: TriggerWish,
    valid: Duration,
) -> Result<Ask, CliError> {
    let at = chrono::Utc::now();
    let valid = chrono::Duration::from_std(valid)
        .map_err(|_| CliError::usage("--valid-for is too long"))?;
    let profile = chosen.project()?.profile.clone();
    Ok(Ask {
        profile,
        by: actor(surface),
        at,
        valid_until: at + valid,
        wish: Wish::Trigger(wish),
    })
}

fn run_of(answer: Answer) -> Result<RunId, CliError> {
    match answered(answer)? {
        Answer::Done { run: Some(run), .. } => Ok(run),
        other => Err(CliError::unreachable(format!(
            "the engine gave no run: {other:?}"
        ))),
    }
}

pub(crate) async fn run(args: RunArgs, surface: &Surface) -> Result<Exit, CliError> {
    let chosen = Chosen::find(surface, &args.dag, &[])?;
    let given = given(&args.given, &chosen, surface)?;
    let store = chosen.open.make_store(surface).await?;
    let ask = ask(
        &chosen,
        surface,
        wish(&chosen, given, None),
        Duration::from_secs(60),
    )?;
    let (run, hosted) = match store.acquire(&owner(surface, Role::Run, None)).await {
        Ok(lease) => {
            let purpose = Purpose {
                fires: false,
                only: Some(chosen.dag.definition().id.clone()),
            };
            let hosted = Hosted::start(&chosen.open, surface, &store, lease, purpose).await?;
            (run_of(hosted.control.ask(ask).await?)?, Some(hosted))
        }
        Err(StoreError::HeldBy(holder)) => {
            eprintln!("handed to the engine that holds the store ({holder})");
            (hand_over(&store, &ask).await?, None)
        }
        Err(error) => return Err(error.into()),
    };
    eprintln!(
        "run {run} of {}, profile {}",
        chosen.dag.definition().id,
        chosen.project()?.profile
    );
    let following = Following {
        open: &chosen.open,
        surface,
        store: &store,
        run,
        dag: chosen.dag.definition().id.clone(),
        cancel_on_interrupt: args.cancel_on_interrupt,
        patience: None,
    };
    following.finish(hosted).await
}

async fn hand_over(store: &Store, ask: &Ask) -> Result<RunId, CliError> {
    match ask_and_wait(store, ask, ANSWER).await? {
        Some(answer) => run_of(answer),
        None => Err(CliError::unreachable(
            "the engine holds the store and does not answer; the ask is kept",
        )),
    }
}

pub(crate) async fn follow(args: FollowArgs, surface: &Surface) -> Result<Exit, CliError> {
    if let Some(server) = Server::of(surface)? {
        return remote::follow(&server, &args, surface).await;
    }
    let open = OpenProject::read(surface, &[])?;
    let store = open.store(surface).await?;
    let run = run_name::find(store.as_ref(), &args.run, Several::Newest).await?;
    let store = store.ok_or_else(|| CliError::not_found("there is no store"))?;
    let following = Following {
        open: &open,
        surface,
        store: &store,
        run: run.facts.id.clone(),
        dag: run.facts.dag.clone(),
        cancel_on_interrupt: args.cancel_on_interrupt,
        patience: None,
    };
    following.finish(None).await
}

pub(crate) async fn trigger(args: TriggerArgs, surface: &Surface) -> Result<Exit, CliError> {
    if let Some(server) = Server::of(surface)? {
        return remote::trigger(&server, args, surface).await;
    }
    let chosen = Chosen::find(surface, &args.dag, &[])?;
    let given = given(&args.given, &chosen, surface)?;
    let patience = patience(args.wait.as_deref())?;
    let valid = parse_duration(&args.valid_for)
        .map_err(|error| CliError::usage(format!("--valid-for: {error}")))?;
    let store = chosen.open.make_store(surface).await?;
    let ask = ask(
        &chosen,
        surface,
        wish(&chosen, given, args.idempotency_key),
        valid,
    )?;
    let attended = store.holder().await?.is_some();
    if !attended && args.wait.is_none() {
        return keep(&store, &ask, surface).await;
    }
    if !attended {
        eprintln!(
            "no engine is running: the ask waits for one, until {}",
            crate::times::json(ask.valid_until)
        );
    }
    let long = patience.unwrap_or(valid);
    let Some(answer) = ask_and_wait(&store, &ask, if attended { ANSWER } else { long }).await?
    else {
        eprintln!(
            "nobody has answered; the ask is kept until {}",
            crate::times::json(ask.valid_until)
        );
        return Ok(Exit::GaveUp);
    };
    let run = run_of(answer)?;
    if args.wait.is_none() {
        return say_run(&store, &run, surface).await;
    }
    eprintln!("run {run} of {}", chosen.dag.definition().id);
    let following = Following {
        open: &chosen.open,
        surface,
        store: &store,
        run,
        dag: chosen.dag.definition().id.clone(),
        cancel_on_interrupt: args.cancel_on_interrupt,
        patience,
    };
    following.finish(None).await
}

pub(super) fn patience(wait: Option<&str>) -> Result<Option<Duration>, CliError> {
    match wait {
        None | Some("") => Ok(None),
        Some(text) => parse_duration(text)
            .map(Some)
            .map_err(|error| CliError::usage(format!("--wait: {error}"))),
    }
}

async fn keep(store: &Store, ask: &Ask, surface: &Surface) -> Result<Exit, CliError> {
    let id = store.ask(ask).await?;
    let until = crate::times::json(ask.valid_until);
    eprintln!("no engine is running: the ask is waiting, and is dropped after {until}");
    eprintln!("`noctule serve` will answer it");
    if surface.format() != Format::Table {
        document(
            surface.format(),
            &json!({ "id": null, "ask": id.0, "state": "waiting", "valid_until": until }),
        )?;
    }
    Ok(Exit::Success)
}

async fn say_run(store: &Store, run: &RunId, surface: &Surface) -> Result<Exit, CliError> {
    if surface.format() == Format::Table {
        crate::console::emit(&format!("{run}\n"))?;
        return Ok(Exit::Success);
    }
    let head = store.summary(run).await?;
    let head = head.map(|run| noctule_core::view::RunHead::of(&run.facts, run.round, &run.phase));
    document(surface.format(), &head)?;
    Ok(Exit::Success)
}
