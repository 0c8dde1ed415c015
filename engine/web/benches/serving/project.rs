//! A project with a long history, and the program that serves it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use chrono::Utc;
use noctule_store::{OpenOptions, Store};
use noctule_test_postgres::Database;

use crate::Options;
use crate::seed::{ages, fate, known, nights, wide};
use crate::stage::settings;

/// DAGs with a part of the history each.
pub(crate) const TABLES: usize = 20;
/// DAGs that run each minute.
pub(crate) const TICKING: usize = 20;

const PROJECT: &str = "[engine]\nslots = 8\nlisten = \"127.0.0.1:0\"\nwatch = false\n[engine.retention]\nruns = \"36500d\"\n\
    failed = \"36500d\"\n[profiles.test]\n[store]\nurl = ";
const TASK: &str = "executor = \"process\"\nwith.command = [\"/bin/true\"]\n";

/// The program at work.
pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    program: Child,
    _project: Project,
}

pub(crate) struct Project {
    folder: PathBuf,
    url: String,
    _temporary: Option<tempfile::TempDir>,
    _database: Option<Database>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.program.kill());
        drop(self.program.wait());
    }
}

impl Project {
    pub(crate) async fn make(options: &Options, runs: usize) -> Self {
        let temporary = options
            .folder
            .is_none()
            .then(|| tempfile::tempdir().unwrap());
        let folder = match (&options.folder, &temporary) {
            (Some(folder), _) => folder.clone(),
            (None, Some(made)) => made.path().to_owned(),
            (None, None) => unreachable!("one of them is there"),
        };
        let database = match options.postgres {
            true => Some(noctule_test_postgres::database().await.unwrap()),
            false => None,
        };
        let url = database
            .as_ref()
            .map_or("sqlite://state.db".to_owned(), Database::url);
        let project = Self {
            folder,
            url,
            _temporary: temporary,
            _database: database,
        };
        project.write();
        if options.postgres || !project.folder.join("state.db").exists() {
            project.seed(runs).await;
        }
        project
    }

    fn write(&self) {
        let dags = self.folder.join("dags");
        std::fs::create_dir_all(&dags).unwrap();
        let url = serde_json::to_string(&self.url).unwrap();
        std::fs::write(
            self.folder.join("noctule.toml"),
            format!("{PROJECT}{url}\n"),
        )
        .unwrap();
        let write = |name: &str, text: String| {
            std::fs::write(dags.join(format!("{name}.toml")), text).unwrap();
        };
        for table in 0..TABLES {
            write(
                &table_name(table),
                format!("id = \"{}\"\n[tasks.t]\n{TASK}", table_name(table)),
            );
        }
        for number in 0..TICKING {
            let name = ticking_name(number);
            let text = format!(
                "id = \"{name}\"\n[schedule]\ncron = \"* * * * *\"\ncatchup = \"none\"\n[tasks.t]\n{TASK}"
            );
            write(&name, text);
        }
        let chain = "[tasks.b]\ndepends_on = [\"a\"]\n[tasks.c]\ndepends_on = [\"b\"]\n";
        let defaults =
            "[defaults]\nexecutor = \"process\"\nwith.process.command = [\"/bin/true\"]\n";
        write(
            "busy",
            format!("id = \"busy\"\nmax_active_runs = 1000\n{defaults}[tasks.a]\n{chain}"),
        );
        let nightly = wide("nightly", 500);
        let nightly = nightly.replace("executor = \"scripted\"\n", TASK);
        write(
            "nightly",
            nightly.replace(
                "cron = \"0 2 * * *\"\n",
                "cron = \"0 2 * * *\"\nenabled = false\n",
            ),
        );
    }

    /// So many runs of long ago, and fifty wide nights, as the measurement of the first paint has them.
    async fn seed(&self, runs: usize) {
        let store = Store::open(
            &self.url,
            OpenOptions {
                profile: settings().profile,
                new_id: "0123abcd".parse().unwrap(),
                now: Utc::now(),
                base: self.folder.clone(),
                create: true,
                hook: None,
            },
        )
        .await
        .unwrap();
        let began = std::time::Instant::now();
        for table in 0..TABLES {
            ages(&store, &known(&wide(&table_name(table), 1)), runs / TABLES).await;
        }
        nights(&store, &known(&wide("nightly", 500)), 50, fate).await;
        store.close().await.unwrap();
        println!(
            "seeded {runs} runs and 50 nights of 500 tasks in {:.1?}",
            began.elapsed()
        );
    }

    pub(crate) fn serve(self, binary: &Path) -> Serving {
        let mut program = Command::new(binary)
            .args(["serve", "--profile", "test"])
            .current_dir(&self.folder)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(program.stderr.take().unwrap()).lines();
        let address = loop {
            let line = said.next().expect("it says where it serves").unwrap();
            if let Some((_, address)) = line.split_once("on http://") {
                break address.trim().parse().unwrap();
            }
            println!("{line}");
        };
        // What it says further is read, so that it never waits for us.
        std::thread::spawn(move || said.for_each(drop));
        Serving {
            address,
            program,
            _project: self,
        }
    }
}

pub(crate) fn table_name(number: usize) -> String {
    format!("table{number:02}")
}

pub(crate) fn ticking_name(number: usize) -> String {
    format!("ticking{number:02}")
}
