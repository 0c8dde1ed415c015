//! Templates and expressions checked with the file.

use std::collections::BTreeSet;

use noctule_core::template::{
    Known, Site, check_expression, check_template, check_value, references,
    references_of_expression,
};
use serde_json::json;

fn known(site: Site) -> Known<'static> {
    Known {
        params: BTreeSet::from(["customer_code", "file_id"]),
        vars: BTreeSet::from(["gcp_project"]),
        ancestors: BTreeSet::from(["targets"]),
        tasks: BTreeSet::from(["targets", "convert"]),
        ..Known::at(site)
    }
}

/// The problems of a text, each with the part it is about.
fn problems(text: &str, site: Site) -> Vec<String> {
    let found = check_template(text, &known(site));
    found
        .iter()
        .map(|problem| {
            let help = problem.help.as_deref().unwrap_or_default();
            format!(
                "{} [{}] {help}",
                problem.message,
                &text[problem.range.clone()]
            )
        })
        .collect()
}

#[test]
fn what_the_format_shows_passes() {
    for text in [
        "plain",
        "{{ params.customer_code }}",
        "{{ params['customer_code'] }}",
        "{{ run.ingestion_id[8:] }}",
        "{{ run.previous.logical_time | add(days=-1) | date('%Y%m%d', run.timezone) }}",
        "gs://{{ vars.gcp_project }}/{{ dag.id }}/{{ task.name }}-{{ task.attempt }}",
        "{{ tasks.targets.output.rows[0]['x'][params.file_id] }}",
        "{{ dag.tags | join(',') }}",
        "${#list}",
    ] {
        assert_eq!(problems(text, Site::Task), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn unknown_names_are_found_with_what_was_meant() {
    let first = |text: &str| problems(text, Site::Task).swap_remove(0);
    assert_eq!(
        first("서울 {{ params.custmer_code }}"),
        "`params.custmer_code` is not known here [params.custmer_code] did you mean `customer_code`?"
    );
    assert_eq!(
        first("{{ param.x }}"),
        "`param` is not known here [param.x] did you mean `params`?"
    );
    assert_eq!(
        first("{{ vars['gcp_projet'] }}").split(" [").next(),
        Some("`vars.gcp_projet` is not known here")
    );
    assert!(first("{{ run.ingestionid }}").contains("did you mean `ingestion_id`?"));
    assert!(first("{{ run.previous.id }}").contains("write `run.previous.logical_time`"));
    assert!(first("{{ dag.name }}").starts_with("`dag.name` is not known here"));
    assert!(
        first("{{ 'a' | uper }}").starts_with("there is no filter `uper`: did you mean `upper`?")
    );
    assert!(
        first("{{ 'a' is strin }}").starts_with("there is no test `strin`: did you mean `string`?")
    );
}

#[test]
fn all_problems_of_a_text_are_reported() {
    let found = problems("{{ params.a }} {{ 1 + }} {{ vars.b | c }}", Site::Task);
    assert_eq!(found.len(), 4, "{found:?}");
}

#[test]
fn names_are_found_wherever_they_stand() {
    for text in [
        "{{ item.x[params.no] }}",
        "{{ 'a' | replace(params.no, 'x') }}",
        "{{ 1 if params.no else 2 }}",
        "{{ [1, {'a': params.no}] }}",
        "{{ 'abc'[params.no:] }}",
        "{{ 1 is startingwith(params.no) }}",
        "{{ 1 < 2 < params.no }}",
        "{{ params['no'].x.y[0] }}",
        "{{ (params).no }}",
    ] {
        let found = check_template(
            text,
            &Known {
                mapped: true,
                ..known(Site::Task)
            },
        );
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].message.contains("params.no"), "{text}");
    }
}

#[test]
fn computed_fields_of_roots_are_refused() {
    for text in [
        "{{ params[run.id] }}",
        "{{ tasks[run.id].output }}",
        "{{ vars[0] }}",
        "{{ run['i' ~ 'd'] }}",
    ] {
        assert!(
            problems(text, Site::Task)[0].contains("cannot be computed"),
            "{text}"
        );
    }
    for text in [
        "{{ params }}",
        "{{ params | json }}",
        "{{ tasks.targets }}",
        "{{ run.previous }}",
    ] {
        assert!(
            problems(text, Site::Task)[0].contains("is no value"),
            "{text}"
        );
    }
}

#[test]
fn a_task_must_be_an_ancestor() {
    let found = problems("{{ tasks.convert.output }}", Site::Task);
    assert_eq!(
        found,
        [
            "`tasks.convert` is not known here [tasks.convert.output] put `convert` into `depends_on`, of this task or of \
          one it depends on"
        ]
    );
    let found = problems("{{ tasks.targets.outputs }}", Site::Task);
    assert!(found[0].contains("write `tasks.targets.output`"));
    assert!(
        problems("{{ tasks.target.output }}", Site::Task)[0].contains("did you mean `targets`?")
    );
}

#[test]
fn item_and_output_are_known_where_they_are() {
    let passes = |text: &str, site: Site, mapped: bool| {
        let known = Known {
            mapped,
            ..known(site)
        };
        check_expression(text, &known).is_empty()
    };
    assert!(passes("item.x == 1", Site::Task, true));
    assert!(!passes("item.x == 1", Site::Task, false));
    assert!(!passes("item.x == 1", Site::Map, true));
    assert!(passes("item.x == 1", Site::MapKey, true));
    assert!(passes("output.body.x == 1", Site::Judgement, false));
    assert!(!passes("output.body.x == 1", Site::Task, false));
    assert!(!passes("task.attempt == 1", Site::Map, true));
    assert!(passes("vars.gcp_project == 'x'", Site::Project, false));
    assert!(!passes("run.id == 'x'", Site::Project, false));
    assert!(passes("answer.body.done", Site::Poll, false));
    assert!(!passes(
        "answer.body.done and params.file_id",
        Site::Poll,
        false
    ));
    assert!(!passes("answer.body.done", Site::Task, false));
}

#[test]
fn an_answer_stands_by_itself() {
    assert!(problems("/x/{{ answer.id }}", Site::Poll).is_empty());
    assert!(problems("/x/{{ params.file_id }}", Site::Poll).is_empty());
    assert_eq!(
        problems("/x/{{ answer.id }}/{{ params.file_id }}", Site::Poll).len(),
        1
    );
    assert_eq!(problems("/x/{{ answer.id }}", Site::Task).len(), 1);
}

#[test]
fn statements_comments_and_calls_are_refused_even_without_an_expression() {
    assert!(problems("{% if x %}a{% endif %}", Site::Task)[0].contains("no statements"));
    assert!(problems("a {# note #}", Site::Task)[0].contains("[{# note #}]"));
    assert!(
        problems("{{ range(3) }}", Site::Task)
            .iter()
            .any(|found| found.contains("no functions"))
    );
    assert!(problems("{{ run.id }", Site::Task)[0].contains("without its `}}`"));
}

#[test]
fn constant_arguments_are_checked() {
    assert!(problems("{{ run.id | date('%Q') }}", Site::Task)[0].contains("no format"));
    assert!(
        problems("{{ run.id | date('%Y', 'Asia/Soul') }}", Site::Task)[0].contains("Asia/Seoul")
    );
    assert!(
        problems("{{ run.id | start_of('hour') }}", Site::Task)[0]
            .contains("day, week, month and year")
    );
    assert!(problems("{{ run.id | date }}", Site::Task)[0].contains("needs its argument `format`"));
}

#[test]
fn a_template_cannot_make_a_reference_to_a_secret() {
    let with =
        json!({"env": {"A": {"secret": "{{ params.file_id }}"}, "B": "{{ {'secret': 'x'} }}"}});
    let found = check_value(&with, &known(Site::Task));
    let paths: Vec<_> = found.iter().map(|(path, _)| path.join(".")).collect();
    assert_eq!(paths, ["env.A.secret", "env.B"]);
}

#[test]
fn references_name_what_a_text_looks_at() {
    let found =
        references("{{ tasks.a.output.x[vars.v] }} {{ params.p or item.q }} {{ 'tasks.b' }}")
            .unwrap();
    assert_eq!(found.tasks, BTreeSet::from(["a".to_owned()]));
    assert_eq!(found.params, BTreeSet::from(["p".to_owned()]));
    assert_eq!(found.vars, BTreeSet::from(["v".to_owned()]));
    assert!(found.item && !found.output && !found.answer);
    assert!(
        references_of_expression("output.x == answer.y")
            .unwrap()
            .answer
    );
    assert_eq!(
        references("plain tasks.a").unwrap(),
        noctule_core::template::References::default()
    );
}
