//! References to secrets in a `with` table: they exist, this DAG may use them, and the backend does not show them.

use super::super::diagnostic::shown;
use super::super::project::SecretOrigin;
use super::super::report::{Note, Place};
use super::super::suggest;
use super::super::tree::{Item, Node};
use super::World;

/// A task whose secrets are checked.
pub(super) struct Uses<'u> {
    pub(super) dag: &'u str,
    pub(super) executor: &'u str,
    pub(super) expose: bool,
}

/// Executors whose backend shows the environment of the work to whoever may look at it.
const SHOWING: [&str; 2] = ["cloud_run", "fargate"];

/// Checks every reference of a `with` table; what a run would need and is not built goes to `not_yet`.
pub(super) fn check(
    world: &World<'_, '_>,
    uses: &Uses<'_>,
    with: &Item<'_>,
    not_yet: &mut Vec<String>,
) {
    if let Node::Table(table) = &with.node
        && SHOWING.contains(&uses.executor)
    {
        for entry in &table.entries {
            look(world, uses, &entry.item, *entry.key == *"env", not_yet);
        }
        return;
    }
    look(world, uses, with, true, not_yet);
}

/// `fits`: a secret may stand here at all.
fn look(
    world: &World<'_, '_>,
    uses: &Uses<'_>,
    item: &Item<'_>,
    fits: bool,
    not_yet: &mut Vec<String>,
) {
    match &item.node {
        Node::List(items) => items
            .iter()
            .for_each(|item| look(world, uses, item, fits, not_yet)),
        Node::Table(table) => {
            if let (1, Some(reference)) = (table.entries.len(), table.get("secret")) {
                let place = reference.item.place;
                return match &reference.item.node {
                    Node::Text(name) if name.contains("{{") => world.report.say(
                        Note::error("secret", place, "the name of a secret cannot be a template")
                            .help("which secrets a task may see must stand in the file itself"),
                    ),
                    Node::Text(_) if !fits => {
                        let message =
                            format!("a secret of `{}` stands in its `env`", uses.executor);
                        world.report.say(Note::error("secret", place, message));
                    }
                    Node::Text(name) => check_one(world, uses, name, place, not_yet),
                    _ => super::super::fields::wrong_type(
                        world.report,
                        "secret",
                        &reference.item,
                        "text",
                    ),
                };
            }
            table
                .entries
                .iter()
                .for_each(|entry| look(world, uses, &entry.item, fits, not_yet));
        }
        _ => {}
    }
}

fn check_one(
    world: &World<'_, '_>,
    uses: &Uses<'_>,
    name: &str,
    place: Place,
    not_yet: &mut Vec<String>,
) {
    let secrets = &world.project.secrets;
    let Some(secret) = secrets.get(name) else {
        let known = secrets.keys().map(String::as_str);
        let guess = world.report.did_you_mean(name, known.clone());
        let note = Note::error(
            "secret",
            place,
            format!("there is no secret `{}`{guess}", shown(name)),
        );
        let help = suggest::known("the project has", known);
        let how = || {
            format!(
                "say in the project file where its value stands: [secrets.{}] from = \"env:NAME\"",
                shown(name)
            )
        };
        return world.report.say(note.help(help.unwrap_or_else(how)));
    };
    if !secret.allows(uses.dag) {
        let message = format!("DAG `{}` may not use secret `{name}`", shown(uses.dag));
        let help = format!(
            "it is for {}: see `dags` in [secrets.{name}]",
            secret.dags.join(", ")
        );
        world
            .report
            .say(Note::error("secret", place, message).help(help));
    }
    if !secret.readable {
        let what = secret.from.vault().map_or("", |(kind, _)| kind);
        let message =
            format!("secrets of origin `{what}:` are not read yet: runs of this DAG are refused");
        world.report.say(Note::remark("not_yet", place, message));
        not_yet.push(format!("secret `{name}` ({what}:)"));
    } else if SHOWING.contains(&uses.executor)
        && !uses.expose
        && !secret.from.is_read_by(uses.executor)
    {
        let message = format!(
            "the backend of `{}` would show the value of secret `{name}`",
            uses.executor
        );
        let help = instead(uses.executor, &secret.from);
        world
            .report
            .say(Note::error("secret", place, message).help(help));
    }
}

/// What to do where the value would be shown.
fn instead(executor: &str, origin: &SecretOrigin) -> &'static str {
    match (executor, origin) {
        ("fargate", SecretOrigin::Aws(_)) => {
            "the overrides of an ECS task take values alone: name the secret among the `secrets` of the task definition, or \
             set `expose_secrets = true` on the task if showing it is meant"
        }
        ("cloud_run", _) => {
            "keep it in Google Secret Manager (`from = \"gcp:…\"`), which Cloud Run reads by itself, or set \
             `expose_secrets = true` on the task if showing it is meant"
        }
        _ => "set `expose_secrets = true` on the task if that is meant",
    }
}
