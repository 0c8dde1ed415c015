//! `backfill`: runs for past ticks, planned and shown before they are asked for; and what becomes of one.

use noctule_core::ask::{BackfillAct, BackfillWish, Wish};
use noctule_core::backfill::{
    Around, Backfill, Only, Phase, Plan, PlanError, Range, Tally, plan, ticks,
};
use noctule_core::name::{BackfillId, DagId};
use noctule_core::view::{BackfillView, LeftView, NightView, NightsView};
use noctule_store::{BackfillFilter, RunFilter, Store};
use noctule_web::{BackfillActBody, BackfillBody};

use super::asking::{ANSWER, actor};
use super::backfills_shown::{announce, list, say_head, say_made, show, show_plan};
use super::following::ask_and_wait;
use super::many::{ask_of, range};
use super::many_shown::confirmed;
use crate::args::{BackfillArgs, BackfillCommand};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::printable;
use crate::project::{Chosen, OpenProject};
use crate::server::Server;
use crate::surface::Surface;
use crate::times::Zone;

pub(crate) async fn backfill(args: BackfillArgs, surface: &Surface) -> Result<Exit, CliError> {
    let server = Server::of(surface)?;
    match (args.act.clone(), server) {
        (Some(command), Some(server)) => of_server(&server, command, surface).await,
        (Some(command), None) => of_store(command, surface).await,
        (None, Some(server)) => ask_server(&server, &args, surface).await,
        (None, None) => ask_engine(&args, surface).await,
    }
}

fn only(args: &BackfillArgs) -> Only {
    match args.only.as_str() {
        "failed" => Only::Failed,
        "all" => Only::All,
        _ => Only::Missing,
    }
}

fn needed<'a>(flag: &str, given: Option<&'a String>) -> Result<&'a str, CliError> {
    given
        .map(String::as_str)
        .ok_or_else(|| CliError::usage(format!("{flag} is needed")))
}

fn fresh_id() -> Result<BackfillId, CliError> {
    let id = uuid::Uuid::now_v7().to_string();
    id.parse()
        .map_err(|_| CliError::usage("no id could be made for the backfill"))
}

async fn ask_engine(args: &BackfillArgs, surface: &Surface) -> Result<Exit, CliError> {
    let chosen = Chosen::find(surface, needed("DAG", args.dag.as_ref())?, &[])?;
    let id = chosen.dag.definition().id.clone();
    let zone = Zone::of_dag(chosen.dag.definition());
    let (from, to) = (
        needed("--from", args.from.as_ref())?,
        needed("--to", args.to.as_ref())?,
    );
    let range = range(from, to, zone, surface)?;
    let wrong = |error: PlanError| CliError::usage(error.to_string());
    // Counted before anything is read for them.
    let ticks = ticks(&chosen.dag, range, surface.now).map_err(wrong)?;
    let there = match chosen.open.store(surface).await? {
        Some(store) => store.runs_of_ticks(&id, Range::over(&ticks)).await?,
        None => Vec::new(),
    };
    let plan = plan(&chosen.dag, range, only(args), surface.now, &there).map_err(wrong)?;
    let wish = BackfillWish {
        backfill: fresh_id()?,
        dag: id,
        version: Some(chosen.dag.hash().clone()),
        from: range.from,
        to: range.to,
        only: only(args),
        max_parallel: args.max_parallel,
        reason: args.reason.clone(),
    };
    let around = Around {
        max_active_runs: Some(chosen.dag.definition().max_active_runs),
        running: 0,
        queued: 0,
    };
    let shown = shown(&wish, &plan, around, surface);
    if args.dry_run {
        show_plan(surface, &shown, zone)?;
        return Ok(Exit::Success);
    }
    announce(&shown);
    if shown.nights.is_empty() {
        let error = CliError::conflict("nothing is to be done in this range");
        return Err(error.help("`--dry-run` says why, for each tick"));
    }
    confirm(surface, args, &shown)?;
    let store = chosen.open.make_store(surface).await?;
    let backfill = wish.backfill.clone();
    ask(&store, &chosen.open, surface, Wish::Backfill(wish)).await?;
    say_made(surface, &shown, &backfill)
}

fn confirm(surface: &Surface, args: &BackfillArgs, shown: &NightsView) -> Result<(), CliError> {
    let question = format!("backfill {} nights?", shown.nights.len());
    confirmed(surface, args.yes, &question)
}

/// A plan as the backfill that it would be.
fn shown(wish: &BackfillWish, plan: &Plan, around: Around, surface: &Surface) -> NightsView {
    let head = Backfill {
        id: wish.backfill.clone(),
        dag: wish.dag.clone(),
        from: wish.from,
        to: wish.to,
        only: wish.only,
        max_parallel: wish.max_parallel,
        by: actor(surface),
        reason: wish.reason.clone(),
        created_at: surface.now,
        phase: Phase::Running,
        tally: Tally {
            waiting: u32::try_from(plan.nights.len()).unwrap_or(u32::MAX),
            ..Tally::default()
        },
    };
    let night = |night| NightView::of(night, &head.phase);
    NightsView {
        nights: plan.nights.iter().map(night).collect(),
        left: plan.left.iter().map(LeftView::from).collect(),
        head: BackfillView::of(&head, around, &|at| Zone(chrono_tz::Tz::UTC).say(at)),
        dry_run: true,
    }
}

/// Asks whoever holds the store, or keeps the ask for whoever will.
async fn ask(
    store: &Store,
    open: &OpenProject,
    surface: &Surface,
    wish: Wish,
) -> Result<bool, CliError> {
    let ask = ask_of(open, surface, wish)?;
    if store.holder().await?.is_none() {
        store.ask(&ask).await?;
        let until = crate::times::json(ask.valid_until);
        eprintln!("no engine is running: the ask is kept until {until}");
        eprintln!("`noctule serve` will answer it");
        return Ok(false);
    }
    match ask_and_wait(store, &ask, ANSWER).await? {
        Some(noctule_core::ask::Answer::Done { existing, .. }) => Ok(existing),
        Some(_) => Ok(false),
        None => Err(CliError::unreachable(
            "the engine holds the store and does not answer; the ask is kept",
        )),
    }
}

async fn ask_server(
    server: &Server,
    args: &BackfillArgs,
    surface: &Surface,
) -> Result<Exit, CliError> {
    let dag = needed("DAG", args.dag.as_ref())?;
    let body = BackfillBody {
        from: needed("--from", args.from.as_ref())?.to_owned(),
        to: needed("--to", args.to.as_ref())?.to_owned(),
        only: only(args),
        max_parallel: args.max_parallel,
        reason: args.reason.clone(),
        id: Some(fresh_id()?.to_string()),
    };
    let planned = server.backfill(dag, true, &body).await?;
    if args.dry_run {
        show_plan(surface, &planned, Zone::here(surface))?;
        return Ok(Exit::Success);
    }
    announce(&planned);
    if planned.nights.is_empty() {
        return Err(CliError::conflict("nothing is to be done in this range"));
    }
    confirm(surface, args, &planned)?;
    // What was shown is what is asked for, also where `-2d` has moved on meanwhile.
    let body = BackfillBody {
        from: crate::times::json(planned.head.from),
        to: crate::times::json(planned.head.to),
        ..body
    };
    let made = server.backfill(dag, false, &body).await?;
    let id = made.head.id.parse();
    let id = id.map_err(|_| CliError::unreachable("the server gave a backfill without a name"))?;
    say_made(surface, &made, &id)
}

fn read_id(text: &str) -> Result<BackfillId, CliError> {
    let unknown = |_| CliError::not_found(format!("there is no backfill `{}`", printable(text)));
    text.parse().map_err(unknown)
}

async fn of_server(
    server: &Server,
    command: BackfillCommand,
    surface: &Surface,
) -> Result<Exit, CliError> {
    let zone = Zone::here(surface);
    let (id, act, reason) = match command {
        BackfillCommand::List { dag, live } => {
            return list(
                surface,
                &server.backfills(dag.as_deref(), live).await?,
                zone,
            );
        }
        BackfillCommand::Show { id } => {
            return show(surface, &server.nights(&read_id(&id)?).await?, zone);
        }
        BackfillCommand::Pause { id, reason } => (id, "pause", reason),
        BackfillCommand::Resume { id } => (id, "resume", None),
        BackfillCommand::Cancel { id, reason } => (id, "cancel", reason),
    };
    let body = BackfillActBody { reason };
    let head = server.act_on_backfill(&read_id(&id)?, act, &body).await?;
    say_head(surface, &head)
}

async fn of_store(command: BackfillCommand, surface: &Surface) -> Result<Exit, CliError> {
    let open = OpenProject::read(surface, &[])?;
    let zone = Zone::of(Some(open.project()?));
    let nothing = || CliError::not_found("nothing has run here yet: there is no store");
    let store = open.store(surface).await?.ok_or_else(nothing)?;
    let (id, act, reason) = match command {
        BackfillCommand::List { dag, live } => {
            let dag = dag.map(|dag| dag.parse()).transpose();
            let filter = BackfillFilter {
                dag: dag.map_err(|_| CliError::usage("--dag: this is no id of a DAG"))?,
                live,
                ..BackfillFilter::default()
            };
            let mut heads = Vec::new();
            for head in store.find_backfills(&filter).await? {
                heads.push(view(&store, &head, zone).await?);
            }
            return list(surface, &heads, zone);
        }
        BackfillCommand::Show { id } => {
            return show(surface, &nights(&store, &read_id(&id)?, zone).await?, zone);
        }
        BackfillCommand::Pause { id, reason } => (id, BackfillAct::Pause, reason),
        BackfillCommand::Resume { id } => (id, BackfillAct::Resume, None),
        BackfillCommand::Cancel { id, reason } => (id, BackfillAct::Cancel, reason),
    };
    let backfill = read_id(&id)?;
    nights(&store, &backfill, zone).await?;
    let wish = Wish::ActOnBackfill {
        backfill: backfill.clone(),
        act,
        reason,
    };
    ask(&store, &open, surface, wish).await?;
    say_head(surface, &nights(&store, &backfill, zone).await?.head)
}

/// What stands around the backfills of a DAG.
pub(crate) async fn around(store: &Store, dag: &DagId) -> Result<Around, CliError> {
    let record = store.dag_record(dag).await?;
    let current = record.filter(|record| !record.withdrawn);
    let version = match current.and_then(|record| record.version) {
        Some(hash) => store.version(&hash).await?,
        None => None,
    };
    let count = async |state: &str| {
        let filter = RunFilter {
            dag: Some(dag.clone()),
            state: Some(state.to_owned()),
            limit: 1_000,
            ..RunFilter::default()
        };
        store.find_runs(&filter).await.map(|runs| runs.len())
    };
    Ok(Around {
        max_active_runs: version.map(|version| version.definition.max_active_runs),
        running: count("running").await?,
        queued: count("queued").await?,
    })
}

async fn view(store: &Store, head: &Backfill, zone: Zone) -> Result<BackfillView, CliError> {
    let around = around(store, &head.dag).await?;
    Ok(BackfillView::of(head, around, &|at| zone.say(at)))
}

async fn nights(store: &Store, id: &BackfillId, zone: Zone) -> Result<NightsView, CliError> {
    let none = || CliError::not_found(format!("there is no backfill {id}"));
    let head = store.backfill(id).await?.ok_or_else(none)?;
    let nights = store.nights(id).await?;
    let seen = nights.iter().map(|night| NightView::of(night, &head.phase));
    Ok(NightsView {
        nights: seen.collect(),
        head: view(store, &head, zone).await?,
        left: Vec::new(),
        dry_run: false,
    })
}
