//! Files with one mistake each.

/// What is tried, the project, the DAG file.
pub(crate) type Case = (&'static str, &'static str, &'static str);

/// A task without a mistake.
pub(crate) const TASK: &str = "[tasks.a]\nexecutor = \"process\"\nwith.command = [\"true\"]\n";

pub(crate) const KEYS: &[Case] = &[
    (
        "an unknown key of a task",
        "",
        "[tasks.a]\nexecutor = \"process\"\nretires = 3\nwith.command = [\"true\"]\n",
    ),
    (
        "an unknown key of the file",
        "",
        "schedul.cron = \"@daily\"\n{TASK}",
    ),
    ("a wrong type", "", "owner = 12\n{TASK}"),
    (
        "a list where text is meant",
        "",
        "tags = [\"a\", 2]\n{TASK}",
    ),
    ("a key twice", "", "id = \"a\"\nid = \"b\"\n{TASK}"),
    ("no TOML", "", "id = \"open\n{TASK}"),
    ("a number without a unit", "", "timeout = 30\n{TASK}"),
    (
        "a unit that does not exist",
        "",
        "timeout = \"30 min\"\n{TASK}",
    ),
    ("a count out of range", "", "max_active_runs = 0\n{TASK}"),
    (
        "a word that is no choice",
        "",
        "[schedule]\ncron = \"@daily\"\noverlap = \"cancel\"\n{TASK}",
    ),
    ("a bad id", "", "id = \"nightly run\"\n{TASK}"),
    (
        "a bad name of a task",
        "",
        "[tasks.\"a-b\"]\nexecutor = \"process\"\nwith.command = [\"true\"]\n",
    ),
    (
        "a look-alike in a name",
        "",
        "[tasks.\"\u{430}\"]\nexecutor = \"process\"\nwith.command = [\"true\"]\n",
    ),
    ("no tasks", "", "id = \"x\"\n"),
    (
        "a time of day that does not exist",
        "",
        "must_end_by = \"25:00\"\n{TASK}",
    ),
];

pub(crate) const GRAPHS: &[Case] = &[
    (
        "an unknown dependency",
        "",
        "{TASK}[tasks.b]\ndepends_on = [\"aa\"]\nexecutor = \"process\"\nwith.command = [\"true\"]\n",
    ),
    (
        "a dependency on itself",
        "",
        "[tasks.a]\ndepends_on = [\"a\"]\nexecutor = \"process\"\nwith.command = [\"true\"]\n",
    ),
    (
        "a dependency twice",
        "",
        "{TASK}[tasks.b]\ndepends_on = [\"a\", \"a\"]\nexecutor = \"process\"\nwith.command = [\"true\"]\n",
    ),
    (
        "a cycle",
        "",
        "[defaults]\nexecutor = \"process\"\nwith.process.command = [\"true\"]\n\
         [tasks.extract]\ndepends_on = [\"load\"]\n[tasks.transform]\ndepends_on = [\"extract\"]\n[tasks.load]\ndepends_on = [\"transform\"]\n",
    ),
    (
        "names that differ by case",
        "",
        "{TASK}[tasks.A]\nexecutor = \"process\"\nwith.command = [\"true\"]\n",
    ),
    (
        "a dependency into a group",
        "",
        "[defaults]\nexecutor = \"process\"\nwith.process.command = [\"true\"]\n\
         [groups.g]\nmap = [1, 2]\ntasks.inner = {}\n[tasks.after]\ndepends_on = [\"inner\"]\n",
    ),
];

pub(crate) const TIMES: &[Case] = &[
    (
        "a cron field out of range",
        "",
        "[schedule]\ncron = \"0 25 * * *\"\n{TASK}",
    ),
    (
        "one of several cron expressions",
        "",
        "[schedule]\ncron = [\"0 1 * * *\", \"61 * * * *\"]\n{TASK}",
    ),
    (
        "a cron expression of six fields",
        "",
        "[schedule]\ncron = \"0 0 21 * * *\"\n{TASK}",
    ),
    (
        "a cron expression that never fires",
        "",
        "[schedule]\ncron = \"0 0 30 2 *\"\n{TASK}",
    ),
    (
        "an unknown zone",
        "",
        "[schedule]\ncron = \"@daily\"\ntimezone = \"Asia/Soul\"\n{TASK}",
    ),
    (
        "an end before the start",
        "",
        "[schedule]\ncron = \"@daily\"\nstart = \"2026-02-01\"\nend = 2026-01-01\n{TASK}",
    ),
    (
        "[ingestion] without hours",
        "",
        "[ingestion]\nday_of_week = \"*\"\n{TASK}",
    ),
    (
        "an hour that does not exist",
        "",
        "[ingestion]\ntransform_schedule = [\"14\", \"24\"]\n{TASK}",
    ),
    (
        "weekdays that are none",
        "",
        "[ingestion]\ntransform_schedule = [\"14\"]\nday_of_week = \"1,8\"\n{TASK}",
    ),
    (
        "an id that is not its tick",
        "",
        "[schedule]\ncron = \"0 21 * * *\"\ntimezone = \"Asia/Seoul\"\n[ingestion]\ntransform_schedule = [\"14\"]\n{TASK}",
    ),
];

pub(crate) const PARAMS: &[Case] = &[
    (
        "a default of another type",
        "",
        "[params.n]\ntype = \"integer\"\ndefault = \"3\"\n{TASK}",
    ),
    (
        "a default that the pattern refuses",
        "",
        "[params.c]\ntype = \"string\"\npattern = \"^c[0-9a-f]{7}$\"\ndefault = \"c12\"\n{TASK}",
    ),
    (
        "a pattern that is none",
        "",
        "[params.c]\ntype = \"string\"\npattern = \"c[0-9\"\n{TASK}",
    ),
    (
        "a default outside the enum",
        "",
        "[params.m]\ntype = \"string\"\nenum = [\"fast\", \"slow\"]\ndefault = \"medium\"\n{TASK}",
    ),
    (
        "a minimum above the maximum",
        "",
        "[params.n]\ntype = \"integer\"\nminimum = 5\nmaximum = 1\n{TASK}",
    ),
    (
        "a needed param under a schedule",
        "",
        "[schedule]\ncron = \"@daily\"\n[params.source]\ntype = \"string\"\n{TASK}",
    ),
    (
        "a param without a type",
        "",
        "[params.source]\ndefault = \"x\"\n{TASK}",
    ),
];

pub(crate) const TASKS: &[Case] = &[
    (
        "an unknown executor",
        "",
        "[tasks.a]\nexecutor = \"cloudrun\"\n",
    ),
    ("no executor", "", "[tasks.a]\nwith.command = [\"true\"]\n"),
    (
        "an unknown template",
        "[templates.step]\nexecutor = \"process\"\n",
        "[tasks.a]\ntemplate = \"stp\"\nexecutor = \"process\"\nwith.command = [\"x\"]\n",
    ),
    (
        "an unknown key of `with`",
        "",
        "[tasks.a]\nexecutor = \"process\"\nwith = { command = [\"true\"], enviroment = {} }\n",
    ),
    (
        "a missing key of `with`",
        "",
        "[tasks.a]\nexecutor = \"process\"\nwith.cwd = \"/\"\n",
    ),
    (
        "a wrong type in `with`",
        "",
        "[tasks.a]\nexecutor = \"http\"\nwith.url = \"https://x\"\nwith.expect = [200, \"201\"]\n",
    ),
    (
        "a wrong word in `with`",
        "",
        "[tasks.a]\nexecutor = \"http\"\nwith.url = \"https://x\"\nwith.method = \"PSOT\"\n",
    ),
    (
        "what an executor says itself",
        "[connections.g]\nkind = \"google\"\n",
        "[tasks.a]\nexecutor = \"cloud_run\"\nwith = { job = \"a/b\", region = \"r\" }\n",
    ),
    (
        "a call that cannot be left alone",
        "",
        "[tasks.a]\nexecutor = \"http\"\nwait = \"detach\"\nwith.url = \"https://x\"\n",
    ),
    (
        "a class that is never tried again",
        "",
        "[tasks.a]\nexecutor = \"process\"\nretries = { max = 1, on = [\"config\", \"usr\"] }\nwith.command = [\"x\"]\n",
    ),
    (
        "equal limits",
        "[connections.g]\nkind = \"google\"\n",
        "[tasks.a]\nexecutor = \"cloud_run\"\ntimeout = \"1h\"\nwith = { job = \"j\", region = \"r\", task_timeout = \"3600s\" }\n",
    ),
    (
        "a default that is a task's own",
        "",
        "[defaults]\ndepends_on = [\"a\"]\n{TASK}",
    ),
    ("`map_key` without `map`", "", "{TASK}map_key = \"x\"\n"),
    (
        "an unknown pool",
        "[pools]\ngpu = 1\n",
        "{TASK}pool = \"gpus\"\n",
    ),
    (
        "a use larger than its pool",
        "[pools]\ngpu = 1\n",
        "{TASK}pool = { name = \"gpu\", slots = 2 }\n",
    ),
    (
        "several slots of the default pool",
        "",
        "{TASK}pool = { name = \"default\", slots = 2 }\n",
    ),
    (
        "an unknown receiver",
        "[notify.oncall]\nwebhook = \"https://x\"\n",
        "notify.to = [\"on-call\"]\n{TASK}",
    ),
    (
        "an executor that is not built",
        "",
        "[tasks.a]\nexecutor = \"fargate\"\nwith.cluster = \"x\"\n",
    ),
];

pub(crate) const REFERENCES: &[Case] = &[
    (
        "no connection of the kind",
        "",
        "[tasks.a]\nexecutor = \"cloud_run\"\nwith = { job = \"j\", region = \"r\" }\n",
    ),
    (
        "an unknown connection",
        "[connections.gcp]\nkind = \"google\"\n",
        "[tasks.a]\nexecutor = \"cloud_run\"\nwith = { job = \"j\", region = \"r\", connection = \"gpc\" }\n",
    ),
    (
        "one of two connections",
        "[connections.a]\nkind = \"google\"\n[connections.b]\nkind = \"google\"\n",
        "[tasks.a]\nexecutor = \"cloud_run\"\nwith = { job = \"j\", region = \"r\" }\n",
    ),
    (
        "a connection of another kind",
        "[connections.db]\nkind = \"http\"\n",
        "[tasks.a]\nexecutor = \"cloud_run\"\nwith = { job = \"j\", region = \"r\", connection = \"db\" }\n",
    ),
    (
        "an unknown secret",
        "[secrets.token]\nfrom = \"env:T\"\n",
        "[tasks.a]\nexecutor = \"process\"\nwith = { command = [\"x\"], env = { T = { secret = \"tokn\" } } }\n",
    ),
    (
        "a secret of other DAGs",
        "[secrets.token]\nfrom = \"env:T\"\ndags = [\"adverts*\"]\n",
        "[tasks.a]\nexecutor = \"process\"\nwith = { command = [\"x\"], env = { T = { secret = \"token\" } } }\n",
    ),
    (
        "a secret named by a template",
        "",
        "[tasks.a]\nexecutor = \"process\"\nwith = { command = [\"x\"], env = { T = { secret = \"{{ run.id }}\" } } }\n",
    ),
    (
        "a secret that the backend would show",
        "[secrets.token]\nfrom = \"env:T\"\n[connections.g]\nkind = \"google\"\n",
        "[tasks.a]\nexecutor = \"cloud_run\"\nwith = { job = \"j\", region = \"r\", env = { T = { secret = \"token\" } } }\n",
    ),
    (
        "an unknown param in a template",
        "",
        "[params.code]\ntype = \"string\"\n[tasks.a]\nexecutor = \"process\"\nwith.command = [\"x\", \"한글 {{ params.cod }}\"]\n",
    ),
    (
        "an unknown var in a template",
        "[vars]\nurl = \"x\"\n",
        "[tasks.a]\nexecutor = \"process\"\nwith.command = [\"{{ vars.ulr }}\"]\n",
    ),
    (
        "a template without an end",
        "",
        "[tasks.a]\nexecutor = \"process\"\nwith.command = [\"{{ run.id \"]\n",
    ),
    (
        "braces around an expression",
        "",
        "{TASK}when = \"{{ params.x }}\"\n",
    ),
    (
        "`output` where nothing has run",
        "",
        "{TASK}when = \"output.exit_code == 0\"\n",
    ),
    (
        "a tab before the mistake",
        "",
        "[tasks.a]\n\texecutor\t= \"proces\"\n",
    ),
];

pub(crate) const PROJECTS: &[Case] = &[
    ("a size for the default pool", "[pools]\ndefault = 4\n", ""),
    (
        "an unknown table of the project",
        "[conections.x]\nkind = \"http\"\n",
        "",
    ),
    (
        "a secret's value in the project",
        "[secrets.token]\nfrom = \"hunter2\"\n",
        "",
    ),
    (
        "an unknown kind of connection",
        "[connections.x]\nkind = \"gcp\"\n",
        "",
    ),
    (
        "plain http to another host",
        "[connections.x]\nkind = \"http\"\nbase_url = \"http://steps.example.com\"\n",
        "",
    ),
    (
        "a rate that is none",
        "[connections.x]\nkind = \"http\"\nrate = { launch = \"20 per second\" }\n",
        "",
    ),
    (
        "an id among the defaults",
        "[dag_defaults]\nid = \"x\"\n",
        "",
    ),
    (
        "an unknown key of a default",
        "[defaults]\nretries = 1\ntimout = \"1h\"\n",
        "",
    ),
    (
        "an unknown executor among the defaults",
        "[defaults.with.cloud-run]\nregion = \"x\"\n",
        "",
    ),
    (
        "a store of another kind",
        "[store]\nurl = \"mysql://x\"\n",
        "",
    ),
];
