//! A large graph in small: it shows where one is, and brings one elsewhere.

use serde_json::json;

use crate::browser::{Browser, Window};
use crate::run::url;
use crate::seed::{fate, known, nights, wide};
use crate::stage::{QUICK, Stage, settings};

/// The frame and the map, in the window: `[frame left, top, width, height, map left, top, width, height]`.
const PLACES: &str = "return ['#minimap .frame', '#minimap'].flatMap((css) => { const b = document.querySelector(css).getBoundingClientRect(); return [b.left, b.top, b.width, b.height]; })";

async fn places(browser: &Browser) -> [f64; 8] {
    serde_json::from_value(browser.run(PLACES).await).unwrap()
}

/// That the frame is around the part of the graph that is in sight, to a pixel or two.
const FOLLOWS: &str = "(() => {
    const f = document.querySelector('#minimap .frame').getBoundingClientRect(), m = document.getElementById('map').getBoundingClientRect();
    const c = document.getElementById('canvas'), g = c.querySelector('svg.graph').getBoundingClientRect();
    const near = (a, b) => Math.abs(a - b) < 3;
    return near(f.left - m.left, c.scrollLeft / g.width * m.width)
        && near(f.width, Math.min(1, c.clientWidth / g.width) * m.width);
})()";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_frame_of_a_large_graph_follows_what_is_in_sight_and_moves_it() {
    let stage = Stage::new(&[&wide("large", 300)]).await;
    let browser = Browser::open(Window::Desk, false).await;
    browser.go(&url(&stage, "/dags/large/graph")).await;
    browser.until(FOLLOWS).await;
    let [_, _, first, _, left, top, width, height] = places(&browser).await;
    assert!(
        first < width / 2.0,
        "a part of it is in sight: {first} of {width}"
    );
    // A press brings the middle of what is in sight there.
    let pressed = (left + width * 0.7, top + height / 2.0);
    browser.drag(pressed, pressed).await;
    let middle = "(f => f.left + f.width / 2)(document.querySelector('#minimap .frame').getBoundingClientRect())";
    browser
        .until(&format!("Math.abs({middle} - {}) < 3", pressed.0))
        .await;
    browser.until(FOLLOWS).await;
    // The frame is dragged by where it is held.
    let held = (pressed.0 + 4.0, pressed.1);
    browser.drag(held, (held.0 - 60.0, held.1)).await;
    browser
        .until(&format!("Math.abs({middle} - {}) < 3", pressed.0 - 60.0))
        .await;
    browser.until(FOLLOWS).await;
    // It is smaller where more is shown large, and whole where all is in sight.
    browser.click("[data-zoom=in]").await;
    browser.until(FOLLOWS).await;
    let [_, _, closer, ..] = places(&browser).await;
    assert!(closer < first * 0.85, "{closer} after {first}");
    browser.click("[data-zoom=fit]").await;
    browser.until("document.querySelector('#minimap .frame').offsetWidth >= document.getElementById('map').offsetWidth - 2").await;
    // What it does is done with the keyboard in the graph itself.
    browser.click("[data-zoom=one]").await;
    browser
        .run("const c = document.getElementById('canvas'); c.focus(); c.scrollTo(0, 0); return 1")
        .await;
    browser.press("\u{E014}").await;
    browser
        .until("document.getElementById('canvas').scrollLeft > 0")
        .await;
    browser.until(FOLLOWS).await;
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_large_graph_has_a_map_and_none_has_one_on_a_phone() {
    let stage = Stage::new(&[&wide("large", 300), QUICK]).await;
    let there = "return !!document.getElementById('minimap')?.offsetWidth";
    for (window, path, expected) in [
        (Window::Desk, "/dags/large/graph", true),
        (Window::Desk, "/dags/large/graph?near=load_table_150", false),
        (Window::Desk, "/dags/quick/graph", false),
        (Window::Phone, "/dags/large/graph", false),
    ] {
        let browser = Browser::open(window, false).await;
        browser.go(&url(&stage, path)).await;
        browser
            .until("!document.getElementById('zoom').hidden")
            .await;
        assert_eq!(
            browser.run(there).await,
            json!(expected),
            "{path} {window:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_map_of_a_run_shows_its_failures_and_is_hidden_from_those_who_listen() {
    let text = wide("large", 300);
    let (now, texts) = (known(&text), [text.as_str()]);
    let stage = Stage::after(&texts, settings(), async |store| {
        nights(store, &now, 3, fate).await;
    });
    let stage = stage.await.attached(&texts).await;
    let runs = stage
        .get("/api/v1/runs?dag=large&state=failed&limit=1")
        .await
        .json();
    let run = runs["items"][0]["id"].as_str().unwrap();
    for (window, dark, name) in [
        (Window::Desk, false, "light"),
        (Window::Desk, true, "dark"),
        (Window::Zoomed, false, "zoomed"),
        (Window::Phone, false, "phone"),
    ] {
        let browser = Browser::open(window, dark).await;
        browser.go(&url(&stage, &format!("/runs/{run}"))).await;
        browser
            .until("!document.getElementById('zoom').hidden")
            .await;
        let failed = "return document.querySelectorAll('#map .s-failed').length + ' ' + document.querySelector('#minimap[aria-hidden=true]').querySelectorAll('a, button, [tabindex]').length";
        assert_eq!(browser.run(failed).await, "1 0", "{name}");
        browser
            .run("document.getElementById('graph').scrollIntoView(); return 1")
            .await;
        browser.picture(&format!("run-300-{name}"), false).await;
        assert_eq!(browser.console().await, Vec::<String>::new(), "{name}");
    }
}
