//! `demograph page`: the page over tables alone.

use std::{collections::BTreeMap, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use demograph_page::{Origin, Tables};
use demograph_service::{
    clock,
    http::{self, Answers, Control, Health, Listen},
    shutdown::Shutdown,
    sink::{Store, history::History},
};

/// How often the end is looked for.
const LOOK: Duration = Duration::from_millis(50);
/// Answers that are being made when the end comes are waited for so long.
const DRAIN_MAX: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  demograph page --tables out
  demograph page --tables s3://bucket/prefix --dates 7
  curl 'http://127.0.0.1:9465/api/v1/series?source=lobby&attribute=gender&step=day&format=csv'

Input: the tables `hourly` and `daily`, as `demograph run` writes them to output.url. Neither a model, a config nor Kafka is \
needed, and nothing is written. The overview has the newest finished hour and day of each source, in place of rolling views. The \
history of a source goes as far back as its tables. There is no page Health: tables know nothing of a service.

Privacy: the page shows what the tables show. What was hidden there stays hidden. An attribute that a policy did not allow is \
in no table.

The page looks for new files twice a minute while it is open. Only this machine reaches it. From another one: \
ssh -L 9465:127.0.0.1:9465 host")]
pub(super) struct PageArgs {
    /// The place of the tables: a folder, or s3://bucket/prefix with its options in the environment.
    #[arg(long, value_name = "URL")]
    tables: String,
    /// The address of the page. It must be a loopback address; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9465")]
    listen: String,
    /// Look for sources in so many of the newest dates of the tables. More dates take longer to read.
    #[arg(long, value_name = "N", default_value_t = 31, value_parser = clap::value_parser!(u16).range(1..=400))]
    dates: u16,
}

pub(super) fn run(args: &PageArgs) -> anyhow::Result<ExitCode> {
    ensure!(
        http::is_local(&args.listen),
        "--listen is {:?}: write a loopback address with its port, such as 127.0.0.1:9465. From another machine: \
         ssh -L 9465:127.0.0.1:9465 host",
        args.listen
    );
    // A folder that is not there would be made.
    ensure!(
        Store::may_be_there(&args.tables),
        "--tables is {:?}: there is no such folder",
        args.tables
    );
    let store = Store::open_at(&args.tables, &BTreeMap::new()).context("--tables")?;
    // Held here too: it has a runtime, which must not end on the endpoint's own.
    let history = Arc::new(History::new(store));
    history.probe().context("--tables")?;
    let (health, shutdown) = (Health::default(), Shutdown::default());
    health.set_ready(true);
    let tables = Tables::new(history.clone(), args.dates.into())?;
    let endpoint = http::serve(
        Listen {
            address: args.listen.clone(),
            ..Listen::default()
        },
        Control {
            metrics: Vec::new(),
            health,
            answers: Answers::OF_RUN,
            shutdown: shutdown.clone(),
            drain_max: DRAIN_MAX,
        },
        demograph_page::routes(Origin::Tables(tables)),
    )?;
    println!(
        "The page of {} is at {}/   (Ctrl-C ends)",
        history.place(),
        endpoint.url()
    );
    while !shutdown.is_requested() {
        clock::pause(LOOK);
    }
    endpoint.end()?;
    Ok(ExitCode::SUCCESS)
}
