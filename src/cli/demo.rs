//! `demograph demo`: the whole path on simulated cameras. Only the cameras and the broker are stand-ins;
//! everything between them and the files is what `run` runs.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use demograph_core::{record::EventTime, span::Span};
use demograph_service::{
    clock,
    config::Config,
    kafka::{Admin, EmbeddedBroker, Producer},
    metrics::Metrics,
    shutdown::Shutdown,
    sink::Table,
    snapshot::{Latest, Snapshot},
    wiring,
};

use super::{
    cameras::Cameras,
    live,
    pace::{Pace, pause},
    stage::{beside, free_address, spawn},
};

/// The demo's configuration; the broker, the folder and the address are filled in.
const CONFIG: &str = include_str!("../../deploy/demo.toml");
const PARTITIONS: i32 = 4;
/// How often the terminal shows the shares.
const SHOW_EVERY_MILLIS: i64 = 4_000;
/// How long the pipeline may take to catch up after the cameras have stopped.
const CATCH_UP_MILLIS: i64 = 15_000;
/// Events that may be on their way.
const AHEAD_MAX: u64 = 500;
/// Marks a folder as the demo's own, which the next demo may clear.
const MARKER: &str = ".demograph-demo";

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  demograph demo --seconds 20 --out demo-out

Four cameras with different, shifting crowds send composite faces (averages of many, nobody's own) through Kafka,
some of them late, out of order or broken. The real pipeline reads, estimates, counts and writes Parquet;
look at /metrics meanwhile. Without --brokers the broker is embedded.")]
pub(super) struct DemoArgs {
    /// How long the cameras send.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// The folder for the tables.
    #[arg(long, default_value = "demo-out")]
    out: PathBuf,
    /// A real Kafka instead of the embedded broker; a topic of the demo's own is made and deleted.
    #[arg(long)]
    brokers: Option<String>,
    /// Crops a second, all cameras together.
    #[arg(long, default_value_t = 160.0)]
    rate: f64,
    /// The model's folder.
    #[arg(long, default_value = "models/fairface-small")]
    model: PathBuf,
    /// The folder with the composites and their labels.csv.
    #[arg(long, default_value = "tests/data/composites")]
    crops: PathBuf,
    /// Where /metrics is served; a free port if this one is taken.
    #[arg(long, default_value = "127.0.0.1:9464")]
    listen: String,
    /// The seed of what passes before the cameras.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(super) fn run(args: DemoArgs) -> anyhow::Result<ExitCode> {
    prepare_folder(&args.out)?;
    let mut config = config(&args)?;
    let broker = match &args.brokers {
        Some(_) => {
            Admin::connect(&config.kafka)?.create_topic(PARTITIONS)?;
            None
        }
        None => Some(EmbeddedBroker::start(&config.kafka.topic, PARTITIONS)?),
    };
    if let Some(broker) = &broker {
        config.kafka.brokers = broker.bootstrap_servers();
    }
    let (metrics, shutdown) = (Metrics::new(), Shutdown::default());
    let service = wiring::start(
        config.clone(),
        metrics.clone(),
        shutdown.clone(),
        super::page,
    )?;
    println!(
        "demograph demo: {} s, up to {} crops/s from 4 cameras; look at http://{}/\n\
         Shares are corrected for the model's errors, with 95 % intervals; ~ marks a plain count. Categories with\n\
         too few people are hidden, and so is ethnicity where no policy allows it.",
        args.seconds, args.rate, service.address
    );
    let pace = Pace::new(args.rate);
    let latest = service.latest.clone();
    let show = {
        let (latest, shutdown) = (latest.clone(), shutdown.clone());
        let window = config.windows.rolling[0];
        spawn("live", move || show(&latest, &shutdown, window, pace))?
    };
    let film = {
        let kafka = config.kafka.clone();
        let cameras = Cameras::open(&args.crops, args.seed)?;
        let seconds = args.seconds;
        spawn("cameras", move || {
            let set = Set {
                producer: Producer::connect(&kafka)?,
                metrics,
                shutdown,
            };
            let sent = set.film(cameras, pace, seconds);
            set.await_records(sent.as_ref().copied().unwrap_or(0));
            set.shutdown.request();
            sent
        })?
    };
    service.run()?;
    show.join()
        .map_err(|_| anyhow!("the live view panicked"))??;
    let sent = film.join().map_err(|_| anyhow!("the cameras panicked"))??;
    if args.brokers.is_some() {
        Admin::connect(&config.kafka)?.delete_topic()?;
    }
    print!("{}", summary(&latest.get(), &args, sent, pace.seconds()));
    Ok(ExitCode::SUCCESS)
}

fn config(args: &DemoArgs) -> anyhow::Result<Config> {
    let mut config = Config::parse(CONFIG)?;
    config.output.url = args.out.display().to_string();
    config.output.cells_url = Some(beside(&args.out, "-cells").display().to_string());
    config.state.url = Some(beside(&args.out, "-state").display().to_string());
    config.model.dir.clone_from(&args.model);
    config.http.listen = free_address(&args.listen)?;
    if let Some(brokers) = &args.brokers {
        config.kafka.brokers.clone_from(brokers);
        config.kafka.topic = format!("demograph-demo-{}", clock::now().0);
        config.kafka.group.clone_from(&config.kafka.topic);
    }
    Ok(config)
}

/// An empty folder; what an earlier demo left there goes, what somebody else left there stays.
fn prepare_folder(out: &Path) -> anyhow::Result<()> {
    let marker = out.join(MARKER);
    let tables = Table::ALL.map(Table::name);
    let inside = tables.into_iter().chain(["state"]);
    let folders = inside.map(|name| out.join(name));
    let besides = ["-state", "-cells"].map(|ending| beside(out, ending));
    for folder in folders.chain(besides) {
        match (folder.exists(), marker.exists()) {
            (true, true) => std::fs::remove_dir_all(&folder)
                .with_context(|| format!("clear {}", folder.display()))?,
            (true, false) => bail!(
                "{} was not made by `demograph demo`: choose another folder with --out",
                folder.display()
            ),
            (false, _) => {}
        }
    }
    std::fs::create_dir_all(out).with_context(|| format!("create {}", out.display()))?;
    std::fs::write(
        &marker,
        "Made by `demograph demo`; the next demo clears the tables here.\n",
    )
    .with_context(|| format!("write {}", marker.display()))
}

/// Where the cameras stand.
struct Set {
    producer: Producer,
    metrics: Metrics,
    shutdown: Shutdown,
}

impl Set {
    /// Sends until the time is over. Returns the number of events.
    fn film(&self, mut cameras: Cameras, pace: Pace, seconds: u64) -> anyhow::Result<u64> {
        let mut sent = 0;
        let mut last = EventTime::MIN;
        while pace.seconds() < seconds as f64 && !self.shutdown.is_requested() {
            pace.wait_for(sent);
            // The embedded broker drops what waits too long, so a slow machine makes the cameras slower.
            if sent > self.read() + AHEAD_MAX {
                pause(20);
                continue;
            }
            let progress = pace.seconds() / seconds as f64;
            // No person is seen twice at one instant, also where the cameras catch up.
            last = clock::now().max(last.plus(1));
            self.producer
                .send(&cameras.next(last, progress.min(1.0))?)?;
            sent += 1;
        }
        self.producer.flush(Duration::from_secs(30))?;
        Ok(sent)
    }

    /// Waits until the pipeline has seen every event, or for as long as a demo may take.
    fn await_records(&self, sent: u64) {
        let deadline = clock::now().plus(CATCH_UP_MILLIS);
        while self.read() < sent && clock::now() < deadline && !self.shutdown.is_requested() {
            pause(50);
        }
    }

    fn read(&self) -> u64 {
        self.metrics.records_read()
    }
}

fn show(latest: &Latest, shutdown: &Shutdown, window: Span, pace: Pace) -> anyhow::Result<()> {
    let mut next = clock::now().plus(SHOW_EVERY_MILLIS);
    while !shutdown.is_requested() {
        pause(100);
        if clock::now() >= next {
            next = next.plus(SHOW_EVERY_MILLIS);
            println!("{}", live::picture(&latest.get(), window, pace.seconds()));
        }
    }
    Ok(())
}

fn summary(last: &Snapshot, args: &DemoArgs, sent: u64, seconds: f64) -> String {
    let (counts, read) = (&last.counts, last.counts.read());
    let rows = |table: Table| {
        let written = counts.written.get(table.name());
        written.map_or(0, |written| written.rows)
    };
    let out = args.out.display();
    let program = std::env::args()
        .next()
        .unwrap_or_else(|| "demograph".into());
    format!(
        "
Done.
  events sent       {sent}
  crops read        {read}, {:.1} crops/s
  rejected          {}
  rows written      {} in demographics, {} in windows, {} in hourly, {} in daily, {} files
  files             {out}/demographics/date=*/*.parquet
                    {out}/windows/date=*/*.parquet
                    {out}/hourly/date=*/*.parquet, {out}/daily/date=*/*.parquet
                    {out}-cells/cells/date=*/*.parquet, exact: see schemas/README.md

True shares over the whole time, with 95 % intervals:
  {program} estimate --tables {out}

Ask the tables (DuckDB):
  SELECT source, local_date, local_hour, category, people, share, share_low, share_high
  FROM read_parquet('{out}/hourly/*/*.parquet') WHERE attribute = 'gender' ORDER BY ALL;
",
        read as f64 / seconds,
        live::rejects(last),
        rows(Table::Demographics),
        rows(Table::Windows),
        rows(Table::Hourly),
        rows(Table::Daily),
        counts.files(),
    )
}
