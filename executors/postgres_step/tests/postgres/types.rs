//! Every type goes out and comes back exactly, or is refused by name.

use noctule_executor::ExecutorError;
use noctule_postgres::Sql;
use serde_json::{Value, json};

use crate::world::{World, output};

async fn answer(world: &World, query: &str, params: Value) -> Result<Value, ExecutorError> {
    let executor = Sql::new(&world.databases);
    let with = json!({ "query": query, "params": params });
    let handle = world.launch(&executor, with).await?;
    Ok(output(&world.end(&executor, &handle).await)["rows"][0].take())
}

#[tokio::test]
async fn values_come_as_typed_json() {
    let world = World::new().await;
    world.run("CREATE TYPE mood AS ENUM ('good', 'bad')").await;
    world
        .run("CREATE DOMAIN plate AS text CHECK (length(VALUE) = 3)")
        .await;
    for (expression, wanted) in [
        ("true", json!(true)),
        ("(-5)::smallint", json!(-5)),
        ("9007199254740993::bigint", json!(9_007_199_254_740_993_i64)),
        ("0.1::real", json!(0.1)),
        ("1.5::float8", json!(1.5)),
        ("'NaN'::float8", json!("NaN")),
        ("'-Infinity'::real", json!("-Infinity")),
        (
            "12345678901234567890.10::numeric",
            json!("12345678901234567890.10"),
        ),
        ("0.00012::numeric", json!("0.00012")),
        ("(-10000)::numeric", json!("-10000")),
        ("'한글'::text", json!("한글")),
        ("'ab'::char(3)", json!("ab ")),
        ("'name'::name", json!("name")),
        (
            "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid",
            json!("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ),
        ("'{\"a\": [1, null]}'::json", json!({ "a": [1, null] })),
        ("'{\"a\": [1, null]}'::jsonb", json!({ "a": [1, null] })),
        (
            "'2026-01-14 08:00:00.25+09'::timestamptz",
            json!("2026-01-13T23:00:00.250Z"),
        ),
        ("'infinity'::timestamptz", json!("infinity")),
        (
            "'2026-01-14 08:00:00'::timestamp",
            json!("2026-01-14T08:00:00"),
        ),
        ("'0044-03-15'::date", json!("0044-03-15")),
        ("'23:59:59'::time", json!("23:59:59")),
        ("'\\x00ff'::bytea", json!("AP8=")),
        ("NULL::int", json!(null)),
        ("ARRAY[1, NULL, 3]", json!([1, null, 3])),
        ("'{}'::text[]", json!([])),
        ("ARRAY[[1, 2], [3, 4]]", json!([[1, 2], [3, 4]])),
        ("ARRAY['2026-01-14'::date]", json!(["2026-01-14"])),
        ("'bad'::mood", json!("bad")),
        ("ARRAY['bad'::mood]", json!(["bad"])),
        ("'abc'::plate", json!("abc")),
    ] {
        let row = answer(&world, &format!("SELECT {expression} AS value"), json!([])).await;
        assert_eq!(
            row.map(|row| row["value"].clone()),
            Ok(wanted),
            "{expression}"
        );
    }
}

#[tokio::test]
async fn parameters_are_taken_as_the_type_of_their_place() {
    let world = World::new().await;
    world.run("CREATE TYPE mood AS ENUM ('good', 'bad')").await;
    for (cast, value, wanted) in [
        ("int", json!(5), "5"),
        ("int", json!("5"), "5"),
        (
            "bigint",
            json!(9_007_199_254_740_993_i64),
            "9007199254740993",
        ),
        ("smallint", json!(-1), "-1"),
        ("float8", json!(0.5), "0.5"),
        ("numeric", json!("12.50"), "12.50"),
        ("numeric", json!(-0.001), "-0.001"),
        ("bool", json!(true), "true"),
        ("text", json!("a'b"), "a'b"),
        ("text", json!(7), "7"),
        (
            "uuid",
            json!("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"),
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        ),
        ("jsonb", json!({ "a": 1 }), "{\"a\": 1}"),
        ("json", json!([1, "x"]), "[1,\"x\"]"),
        (
            "timestamptz",
            json!("2026-01-14T08:00:00+09:00"),
            "2026-01-13 23:00:00+00",
        ),
        (
            "timestamp",
            json!("2026-01-14 08:00:00"),
            "2026-01-14 08:00:00",
        ),
        ("date", json!("2026-01-14"), "2026-01-14"),
        ("bytea", json!("AP8="), "\\x00ff"),
        ("int[]", json!([1, null, 2]), "{1,NULL,2}"),
        ("text[]", json!(["a", "b,c"]), "{a,\"b,c\"}"),
        ("text[]", json!([]), "{}"),
        ("mood", json!("bad"), "bad"),
    ] {
        let query = format!("SELECT ($1::{cast})::text AS value");
        let row = answer(&world, &query, json!([value])).await;
        assert_eq!(row, Ok(json!({ "value": wanted })), "{cast} {value}");
    }
}

#[tokio::test]
async fn a_null_is_a_null_of_any_type() {
    let world = World::new().await;
    let row = answer(&world, "SELECT $1::uuid IS NULL AS empty", json!([null])).await;
    assert_eq!(row, Ok(json!({ "empty": true })));
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_refused_by_its_place() {
    let world = World::new().await;
    for (cast, value) in [
        ("int", json!("five")),
        ("smallint", json!(70_000)),
        ("uuid", json!("no")),
        ("timestamptz", json!("2026-01-14 08:00:00")),
        ("interval", json!("1 day")),
        ("int[]", json!(5)),
        ("bool", json!("perhaps")),
    ] {
        let query = format!("SELECT ($2::{cast})::text AS value, $1::int AS first");
        let error = answer(&world, &query, json!([1, value])).await;
        let message = error.expect_err("it does not fit").to_string();
        assert!(message.contains("$2"), "{cast}: {message}");
    }
}

#[tokio::test]
async fn a_missing_parameter_is_no_shift_of_the_others() {
    let world = World::new().await;
    let error = answer(&world, "SELECT $1::int AS a, $2::int AS b", json!([1])).await;
    let message = error.expect_err("one is missing").to_string();
    assert!(
        message.contains("has 2 parameters, and `params` gives 1"),
        "{message}"
    );
}
