//! A real browser, driven over WebDriver: chromium without a window, started for one test and ended with it.
//!
//! It trusts nothing of the machine: a profile of its own, no network but this machine's. Without chromium the tests fail,
//! and say what to install.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::PATIENCE;

const NEEDED: &str = "the pages are tested in chromium (Debian: apt-get install --no-install-recommends chromium chromium-driver)";
/// How often a page is looked at for what is awaited.
const LOOK: Duration = Duration::from_millis(20);

/// How large a window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Window {
    /// 1280 by 900.
    Desk,
    /// 390 by 844, as a phone says it is.
    Phone,
    /// 360 by 640: the smallest phone in use.
    Small,
    /// 1280 by 900 at twice the size.
    Zoomed,
}

/// A browser with one window.
pub(crate) struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
    _profile: tempfile::TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(self.driver.stdin.take());
        drop(self.driver.wait());
    }
}

/// Ends everything that was started with it when its own input ends: with the browser, and with a test that is killed. The
/// driver itself leaves its browser behind. What the driver says ends with the driver.
const WATCHED: &str = r#""$@" < /dev/null & exec > /dev/null; read -r _; kill -9 0"#;
/// How often a driver is started: the port that it chose may be taken before it listens on every address of it.
const STARTS: usize = 3;

/// Starts the driver on a free port. None: it ended, or said nothing.
fn start() -> Option<(Child, SocketAddr)> {
    let mut driver = Command::new("sh")
        .args(["-c", WATCHED, "sh", "chromedriver", "--port=0"])
        // A group of its own, which is ended as a whole.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("chromedriver: {error}; {NEEDED}"));
    let lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let (tell, told) = std::sync::mpsc::channel();
    // What it says further is read and dropped, so that it never waits for a reader.
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if let Some((_, port)) = line.split_once("successfully on port ") {
                drop(tell.send(port.trim_end_matches('.').parse::<u16>()));
            }
        }
    });
    let Ok(port) = told.recv_timeout(PATIENCE) else {
        drop(driver.stdin.take());
        drop(driver.wait());
        return None;
    };
    Some((driver, SocketAddr::from(([127, 0, 0, 1], port.unwrap()))))
}

impl Browser {
    /// A browser with its window, light or dark.
    pub(crate) async fn open(window: Window, dark: bool) -> Self {
        let started = (0..STARTS).find_map(|_| start());
        let (driver, address) = started.expect(NEEDED);
        let profile = tempfile::tempdir().unwrap();
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            "--hide-scrollbars",
            "--force-color-profile=srgb",
            "--window-size=1280,900",
            &format!("--user-data-dir={}", profile.path().display()),
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        } } });
        let answer = exchange(address, "/session", &wanted).await;
        let session = answer["value"]["sessionId"].as_str();
        let session = session
            .unwrap_or_else(|| panic!("{answer}; {NEEDED}"))
            .to_owned();
        let browser = Self {
            driver,
            address,
            session,
            _profile: profile,
        };
        let scheme = if dark { "dark" } else { "light" };
        let media = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        browser
            .devtools("Emulation.setEmulatedMedia", json!({ "features": media }))
            .await;
        let (width, height, scale, mobile) = match window {
            Window::Desk => (1280, 900, 1, false),
            Window::Phone => (390, 844, 1, true),
            Window::Small => (360, 640, 1, true),
            Window::Zoomed => (640, 450, 2, false),
        };
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": scale, "mobile": mobile });
        browser
            .devtools("Emulation.setDeviceMetricsOverride", size)
            .await;
        browser
    }

    async fn ask(&self, command: &str, body: &Value) -> Value {
        let target = format!("/session/{}/{command}", self.session);
        let mut answer = exchange(self.address, &target, body).await;
        let refused = answer["value"].get("error").is_some_and(Value::is_string);
        assert!(!refused, "{command}: {answer}");
        answer["value"].take()
    }

    /// A command of the developer tools.
    pub(crate) async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.ask("goog/cdp/execute", &body).await
    }

    /// Opens an address, and waits until it is loaded.
    pub(crate) async fn go(&self, url: &str) {
        self.ask("url", &json!({ "url": url })).await;
    }

    /// What the body of a function gives in the page.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.ask("execute/sync", &json!({ "script": script, "args": [] }))
            .await
    }

    /// Waits until an expression is true in the page.
    #[track_caller]
    pub(crate) fn until(&self, expression: &str) -> impl Future<Output = ()> {
        let script = format!("return !!({expression})");
        let place = std::panic::Location::caller();
        async move {
            let end = Instant::now() + PATIENCE;
            while self.run(&script).await != json!(true) {
                if Instant::now() >= end {
                    let shown = self
                        .run("return location.href + '\\n' + document.body.innerText")
                        .await;
                    panic!(
                        "{place}: in vain: {expression}\n{}",
                        shown.as_str().unwrap_or_default()
                    );
                }
                tokio::time::sleep(LOOK).await;
            }
        }
    }

    async fn find(&self, css: &str) -> String {
        let found = self
            .ask("element", &json!({ "using": "css selector", "value": css }))
            .await;
        let mut ids = found.as_object().unwrap().values();
        ids.next().unwrap().as_str().unwrap().to_owned()
    }

    /// Clicks where a person would.
    pub(crate) async fn click(&self, css: &str) {
        let id = self.find(css).await;
        self.ask(&format!("element/{id}/click"), &json!({})).await;
    }

    /// Types into a field.
    pub(crate) async fn type_into(&self, css: &str, text: &str) {
        let id = self.find(css).await;
        self.ask(&format!("element/{id}/clear"), &json!({})).await;
        self.ask(&format!("element/{id}/value"), &json!({ "text": text }))
            .await;
    }

    /// Presses a key in what has the focus.
    pub(crate) async fn press(&self, key: &str) {
        let down = json!({ "type": "keyDown", "value": key });
        let up = json!({ "type": "keyUp", "value": key });
        let keys = json!([{ "type": "key", "id": "keys", "actions": [down, up] }]);
        self.ask("actions", &json!({ "actions": keys })).await;
    }

    /// Drags from one place in the window to another; from a place to itself it is a click.
    pub(crate) async fn drag(&self, from: (f64, f64), to: (f64, f64)) {
        let to_place = |(x, y): (f64, f64)| json!({ "type": "pointerMove", "duration": 0, "x": x.round(), "y": y.round() });
        let (down, up) = (
            json!({ "type": "pointerDown", "button": 0 }),
            json!({ "type": "pointerUp", "button": 0 }),
        );
        let steps = json!([to_place(from), down, to_place(to), up]);
        let mouse = json!([{ "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" }, "actions": steps }]);
        self.ask("actions", &json!({ "actions": mouse })).await;
    }

    /// What the console and the policy have said since it was asked last.
    pub(crate) async fn console(&self) -> Vec<String> {
        let said = self.ask("se/log", &json!({ "type": "browser" })).await;
        let entries = said.as_array().unwrap().iter();
        entries
            .map(|entry| entry["message"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The addresses of all requests since it was asked last.
    pub(crate) async fn requests(&self) -> Vec<String> {
        let said = self.ask("se/log", &json!({ "type": "performance" })).await;
        let entries = said.as_array().unwrap().iter();
        let request = |entry: &Value| {
            let message: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let message = &message["message"];
            let sent = message["method"] == "Network.requestWillBeSent";
            let url = message["params"]["request"]["url"].as_str()?;
            // The empty page that a window begins with, and pictures in its controls, are part of the browser.
            let own = ["chrome:", "data:"]
                .iter()
                .any(|kind| url.starts_with(kind));
            (sent && !own).then(|| url.to_owned())
        };
        entries.filter_map(request).collect()
    }

    /// Keeps a picture of the window, or of the whole page, for people to look at.
    pub(crate) async fn picture(&self, name: &str, whole: bool) -> PathBuf {
        let options = json!({ "format": "png", "captureBeyondViewport": whole });
        let picture = self.devtools("Page.captureScreenshot", options).await;
        let bytes = STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures");
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{name}.png"));
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// One command to the driver, and what it says. It keeps its connections open, so an answer ends where it says.
async fn exchange(address: SocketAddr, target: &str, body: &Value) -> Value {
    let body = body.to_string();
    let head = format!(
        "POST {target} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all((head + &body).as_bytes()).await.unwrap();
    let answer = tokio::time::timeout(PATIENCE, read(&mut stream)).await;
    serde_json::from_slice(&answer.expect("the driver answers")).unwrap()
}

async fn read(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let end = all.windows(4).position(|four: &[u8]| four == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8_lossy(&all[..end]).to_ascii_lowercase();
            let (_, length) = head.split_once("content-length:").expect("a length");
            let length: usize = length.lines().next().unwrap().trim().parse().unwrap();
            if all.len() >= end + 4 + length {
                return all[end + 4..end + 4 + length].to_vec();
            }
        }
        assert!(
            stream.read_buf(&mut all).await.unwrap() > 0,
            "the driver hung up"
        );
    }
}
