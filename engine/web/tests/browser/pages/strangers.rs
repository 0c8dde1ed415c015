//! Who comes without a token, and who leaves.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_first_is_told_what_to_type() {
    let stage = Stage::new(&[]).await;
    let browser = Browser::open(Window::Phone, false).await;
    browser.go(&url(&stage, "/")).await;
    let shown = browser.run("return document.body.innerText").await;
    assert!(
        shown.as_str().unwrap().contains("noctule trigger hello"),
        "{shown}"
    );
    browser.picture("empty-phone", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_logged_in_logs_out_by_a_press_and_a_viewer_is_shown_no_form() {
    let stage = Stage::guarded(&[QUICK], settings(), provided()).await;
    let browser = Browser::open(Window::Phone, false).await;
    browser.go(&url(&stage, "/dags/quick")).await;
    let forms = "return document.querySelectorAll('form').length";
    assert_ne!(
        browser.run(forms).await,
        0,
        "this machine is the administrator"
    );
    let secret = AccessSecret::new(SecretKind::Session).unwrap();
    let now = chrono::Utc::now();
    let session = Session {
        name: "ada@example.com".to_owned(),
        role: noctule_core::access::Role::Viewer,
        scope: noctule_core::access::Scope::everything(),
        provider: noctule_web::provider_name(PROVIDER.0, PROVIDER.1),
        created_at: now,
        expires_at: now + chrono::TimeDelta::hours(1),
    };
    let opened = stage.store.open_session(&secret.hash(), &session).await;
    opened.unwrap();
    let cookie = format!(
        "document.cookie = 'noctule_session={}; path=/'",
        secret.expose()
    );
    browser.run(&cookie).await;
    browser.go(&url(&stage, "/dags/quick")).await;
    assert_eq!(browser.run(forms).await, 0);
    browser.click("#logout").await;
    browser
        .until("location.pathname === '/logged-out' && !document.getElementById('logout')")
        .await;
    let title = browser
        .run("return document.querySelector('h1').innerText")
        .await;
    assert_eq!(title, "Logged out");
    assert_eq!(
        stage.store.session_of(&secret.hash(), now).await.unwrap(),
        None
    );
}
