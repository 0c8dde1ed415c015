//! What templates give: types, texts, and what is left out.

mod template_facts;

use noctule_core::template::{Fault, Scope, render_table_except, render_text, render_value};
use serde_json::{Value, json};
use template_facts::{Facts, failure, fault, rendered, table, value};

#[test]
fn every_fact_of_a_run_can_be_named() {
    assert_eq!(value("run.id"), json!("run-1"));
    assert_eq!(value("run.ingestion_id"), json!("20251107120000"));
    assert_eq!(value("run.logical_time"), json!("2025-11-07T12:00:00Z"));
    assert_eq!(value("run.trigger"), json!("schedule"));
    assert_eq!(value("run.timezone"), json!("Asia/Seoul"));
    assert_eq!(value("run.profile"), json!("prod"));
    assert_eq!(value("run.url"), Value::Null);
    assert_eq!(
        value("run.previous.logical_time"),
        json!("2025-11-06T12:00:00Z")
    );
    assert_eq!(value("run.previous_success.logical_time"), Value::Null);
    assert_eq!(value("dag.id"), json!("nightly"));
    assert_eq!(value("dag.tags"), json!(["llm", "nightly"]));
    assert_eq!(value("task.name"), json!("convert"));
    assert_eq!(value("task.map_key"), Value::Null);
    assert_eq!(value("task.attempt"), json!(2));
    assert_eq!(value("vars.project"), json!("dev"));
    assert_eq!(value("item.file_id"), json!("f-1"));
    assert_eq!(value("tasks.targets.output.rows[0].id"), json!(7));
}

#[test]
fn a_value_that_is_exactly_one_expression_keeps_its_type() {
    assert_eq!(rendered("{{ params.count }}"), Some(json!(5)));
    assert_eq!(rendered("{{ params.ratio }}"), Some(json!(0.5)));
    assert_eq!(rendered("{{ params.dry }}"), Some(json!(true)));
    assert_eq!(rendered("{{params.names}}"), Some(json!(["a", "b"])));
    assert_eq!(
        rendered("{{ params.place }}"),
        Some(json!({"city": "서울", "zip": [1, 2]}))
    );
}

#[test]
fn where_text_is_wanted_scalars_are_written_out_and_lists_are_compact_json() {
    let text = "{{ params.count }}/{{ params.dry }}/{{ params.day }}/{{ params.ratio }}/{{ params.place }}";
    let written = "5/true/2026-01-01/0.5/{\"city\":\"서울\",\"zip\":[1,2]}";
    assert_eq!(rendered(text), Some(json!(written)));
    let facts = Facts::new();
    let text = |text: &str| render_text(text, &facts.scope());
    assert_eq!(text("{{ params.count }}"), Ok(Some("5".to_owned())));
    assert_eq!(
        text("{{ params.names }}"),
        Ok(Some(r#"["a","b"]"#.to_owned()))
    );
    assert_eq!(text("{{ params.file_id }}"), Ok(None));
}

#[test]
fn giving_none_removes_the_entry_of_a_table_or_list_at_any_depth() {
    let with = json!({
        "job": "x", "env": {"FILE_ID": "{{ params.file_id }}", "CODE": "{{ params.code }}"},
        "args": ["a", "{{ params.absent }}", ["{{ params.file_id }}", "b"]],
    });
    let expected = json!({"job": "x", "env": {"CODE": "cf526000"}, "args": ["a", ["b"]]});
    assert_eq!(table(with), Ok(expected));
}

#[test]
fn none_inside_longer_text_is_an_error_that_names_it() {
    let fault = fault("id={{ params.file_id }}");
    assert_eq!(fault, Fault::Nothing("params.file_id".into()));
    assert_eq!(
        fault.to_string(),
        "`params.file_id` is none, and none cannot stand inside a text"
    );
}

#[test]
fn a_task_without_output_gives_none() {
    assert_eq!(value("tasks.skipped.output"), Value::Null);
}

#[test]
fn a_missing_field_of_data_is_an_error_that_names_it() {
    let missing = |name: &str| Fault::Missing(name.to_owned());
    assert_eq!(fault("{{ item.nam }}"), missing("item.nam"));
    assert_eq!(fault("a {{ item['nam'] }}"), missing("item['nam']"));
    assert_eq!(fault("{{ item.a.b.c }}"), missing("item.a"));
    assert_eq!(
        fault("{{ params.place.street }}"),
        missing("params.place.street")
    );
    assert_eq!(
        fault("{{ tasks.targets.output.rows[1].id }}"),
        missing("tasks.targets.output.rows[1]")
    );
    assert_eq!(
        fault("{{ tasks.skipped.output.rows }}"),
        missing("tasks.skipped.output.rows")
    );
    assert_eq!(fault("{{ item.a == 1 }}"), missing("item.a"));
    assert_eq!(
        fault("{{ item.__class__.__mro__ }}"),
        missing("item.__class__")
    );
}

#[test]
fn default_stands_in_for_a_missing_field_and_for_none() {
    assert_eq!(value("item.a.b | default('z')"), json!("z"));
    assert_eq!(value("params.file_id | default('z')"), json!("z"));
    assert_eq!(value("params.count | default(1)"), json!(5));
    assert_eq!(value("0 | default(1)"), json!(0));
    assert_eq!(value("0 | default(1, true)"), json!(1));
    assert_eq!(value("item.a is defined"), json!(false));
    assert_eq!(value("item.size is defined"), json!(true));
}

#[test]
fn a_field_of_data_that_is_null_is_none_and_not_missing() {
    assert_eq!(rendered("{{ tasks.targets.output.rows[0].name }}"), None);
}

#[test]
fn a_table_keeps_the_nulls_of_data_inside_a_value() {
    assert_eq!(
        value("tasks.targets.output.rows"),
        json!([{"id": 7, "name": null}])
    );
}

#[test]
fn data_is_rendered_once() {
    assert_eq!(
        rendered("{{ params.hostile }}"),
        Some(json!("{{ vars.project }}"))
    );
    assert_eq!(
        rendered("<{{ tasks.targets.output.text }}>"),
        Some(json!("<{{ run.id }}>"))
    );
    assert_eq!(rendered("{{ '{{' }} x }}"), Some(json!("{{ x }}")));
    assert_eq!(
        rendered("{{ '{' }}{ run.id }}"),
        Some(json!("{{ run.id }}"))
    );
}

#[test]
fn a_text_without_a_template_passes_untouched() {
    for text in [
        "",
        "plain",
        "${#list[@]}",
        "{% raw %}",
        "a }} b",
        "{ x }",
        "{# note #}\n",
    ] {
        assert_eq!(rendered(text), Some(json!(text)));
    }
    assert_eq!(
        rendered("${#list} {{ run.id }}\n"),
        Some(json!("${#list} run-1\n"))
    );
}

#[test]
fn keys_are_not_templates() {
    let with = json!({"{{ run.id }}": "{{ run.id }}"});
    assert_eq!(table(with), Ok(json!({"{{ run.id }}": "run-1"})));
}

#[test]
fn an_error_says_where_it_is() {
    let error = table(json!({"env": {"A": ["x", "{{ item.nam }}"]}})).unwrap_err();
    assert_eq!(error.path, ["env", "A", "1"]);
    assert_eq!(error.to_string(), "`env.A.1`: `item.nam` is missing");
    let text = "서울 {{ run.id }} {{ 1 + item.nam }}";
    let range = failure(text).range;
    assert!(text[range].contains("nam"));
}

#[test]
fn statements_comments_and_white_space_control_are_refused() {
    for text in [
        "{% if true %}{{ run.id }}{% endif %}",
        "{{ run.id }}{# note #}",
        "{{- run.id }}",
        "{{ run.id -}}",
        "{% raw %}{{ x }}{% endraw %}",
    ] {
        assert!(matches!(fault(text), Fault::Refused(_)), "{text}");
    }
}

#[test]
fn calls_are_refused() {
    for text in [
        "{{ range(9) }}",
        "{{ item.keys() }}",
        "{{ 'a'.upper() }}",
        "{{ dict(a=1) }}",
    ] {
        assert!(matches!(fault(text), Fault::Refused(_)), "{text}");
    }
}

#[test]
fn roots_are_no_values_and_have_fixed_fields() {
    assert_eq!(fault("{{ params }}"), Fault::Whole("params".into()));
    assert_eq!(
        fault("{{ tasks.targets }}"),
        Fault::Whole("tasks.targets".into())
    );
    assert_eq!(
        fault("{{ run.previous }}"),
        Fault::Whole("run.previous".into())
    );
    assert_eq!(
        fault("{{ params[params.code] }}"),
        Fault::Dynamic("params".into())
    );
    assert_eq!(
        fault("{{ tasks[item.size].output }}"),
        Fault::Dynamic("tasks".into())
    );
    assert_eq!(
        fault("{{ run.__class__ }}"),
        Fault::Unknown("run.__class__".into())
    );
    assert_eq!(
        fault("{{ vars.projekt }}"),
        Fault::Unknown("vars.projekt".into())
    );
    assert_eq!(fault("{{ env.HOME }}"), Fault::Unknown("env".into()));
    assert_eq!(value("params['code']"), json!("cf526000"));
    assert_eq!(value("item[params.code ~ ''] | default(1)"), json!(1));
}

#[test]
fn a_root_that_a_place_does_not_have_is_not_known_there() {
    let facts = Facts::new();
    let scope = Scope {
        item: None,
        ..facts.scope()
    };
    let error = render_value(&json!("{{ item.size }}"), &scope).unwrap_err();
    assert_eq!(error.to_string(), "`item` is not known here");
}

#[test]
fn what_names_an_answer_is_left_to_its_executor() {
    let facts = Facts::new();
    let with = json!({
        "url": "/steps/{{ run.id }}",
        "poll": {
            "url": "/steps/{{ answer.id }}", "until": "answer.body.done", "headers": {"X": "{{ run.id }}"},
        },
    });
    let with = with.as_object().unwrap();
    let rendered = render_table_except(with, &facts.scope(), "poll").unwrap();
    let poll = json!({"url": "/steps/{{ answer.id }}", "until": "answer.body.done", "headers": {"X": "run-1"}});
    assert_eq!(
        Value::Object(rendered),
        json!({"url": "/steps/run-1", "poll": poll})
    );
    let answer = json!({"id": 5});
    let url = render_text("/steps/{{ answer.id }}", &Scope::of_answer(&answer));
    assert_eq!(url, Ok(Some("/steps/5".to_owned())));
    let misplaced = json!({"polls": "{{ answer.id }}"});
    let refused = render_table_except(misplaced.as_object().unwrap(), &facts.scope(), "poll");
    assert_eq!(refused.unwrap_err().fault, Fault::Unknown("answer".into()));
}
