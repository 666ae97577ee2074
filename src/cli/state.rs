//! `demograph state`: looks at the checkpoint chains, proves them against the tables, begins one again.

mod begin;
mod periods;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, bail, ensure};
use comfy_table::{Table as Shown, presets};
use demograph_core::{
    record::EventTime,
    state::{self, ChainFolder, Header, Ledger, Objects, Saved, TopicFolder},
};
use demograph_service::{
    config::Config,
    sink::{self, Stores, Table, catalog},
    wiring,
};

use self::begin::Order;
use super::read_config;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  demograph state ls --config demograph.toml
  demograph state show --config demograph.toml --partition 3
  demograph state verify --config demograph.toml
  demograph state reset --config demograph.toml --partition 3 --offset 120000 --yes
  demograph state adopt --config demograph.toml --partition 3 --yes

A partition's state is a chain of checkpoints under state/v1/GROUP/TOPIC/p=N. These commands show counts of records, never \
counts by age, gender or ethnicity. ls, show and verify change nothing and may run beside the service.")]
pub(super) struct StateArgs {
    #[command(subcommand)]
    question: Question,
}

#[derive(Debug, clap::Subcommand)]
enum Question {
    /// List the partitions, one line each: newest checkpoint, next offset, open panes.
    Ls(Place),
    /// Show one checkpoint: header, terms, ledger, sources.
    Show {
        #[command(flatten)]
        place: Place,
        /// The number of the Kafka partition.
        #[arg(long)]
        partition: i32,
        /// The number of the checkpoint. Default: the newest.
        #[arg(long)]
        seq: Option<u64>,
    },
    /// Verify every chain: checksums, order, and that chain and tables hold every record exactly once.
    Verify(Place),
    /// Restart a partition at an offset. Discards its open panes and its unpublished rows.
    Reset {
        #[command(flatten)]
        place: Place,
        /// The number of the Kafka partition.
        #[arg(long)]
        partition: i32,
        /// The offset of the next record to count.
        #[arg(long)]
        offset: i64,
        /// Confirm that unpublished data is discarded. Stop the service first.
        #[arg(long)]
        yes: bool,
    },
    /// Restart a partition whose checkpoints were lost, after the last record that the tables hold.
    Adopt {
        #[command(flatten)]
        place: Place,
        /// The number of the Kafka partition.
        #[arg(long)]
        partition: i32,
        /// Confirm that records in no file yet are lost. Stop the service first.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, clap::Args)]
struct Place {
    /// The TOML file of the service.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// A partition's chain in the store.
struct Kept {
    partition: i32,
    folder: ChainFolder,
}

/// A checkpoint that was read.
struct Read {
    path: String,
    bytes: Vec<u8>,
    header: Header,
    saved: Saved,
}

pub(super) fn run(args: StateArgs) -> anyhow::Result<ExitCode> {
    let (Question::Ls(place)
    | Question::Verify(place)
    | Question::Show { place, .. }
    | Question::Reset { place, .. }
    | Question::Adopt { place, .. }) = &args.question;
    let config = match read_config(&place.config) {
        Ok(config) => config,
        Err(code) => return Ok(code),
    };
    let stores = wiring::open_stores(&config)?;
    match args.question {
        Question::Ls(_) => ls(&config, &stores),
        Question::Show { partition, seq, .. } => show(&config, &stores, partition, seq),
        Question::Verify(_) => return verify(&config, &stores),
        Question::Reset {
            partition,
            offset,
            yes,
            ..
        } => begin::reset(&config, &stores, Order { partition, yes }, offset),
        Question::Adopt { partition, yes, .. } => {
            begin::adopt(&config, &stores, Order { partition, yes })
        }
    }?;
    Ok(ExitCode::SUCCESS)
}

fn ls(config: &Config, stores: &Stores) -> anyhow::Result<()> {
    let mut table = Shown::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header([
        "partition",
        "checkpoint",
        "written",
        "next offset",
        "records open",
        "records waiting",
        "published",
        "bytes",
    ]);
    for kept in chains(config, stores)? {
        let Some(head) = files(stores, &kept)?.pop() else {
            continue;
        };
        let head = read(stores, head)?;
        table.add_row([
            kept.partition.to_string(),
            head.header.seq.to_string(),
            stamp(head.header.written),
            head.saved.ledger.next_offset.to_string(),
            head.saved.sources.records().to_string(),
            head.saved.waiting().to_string(),
            head.saved.ledger.published.to_string(),
            head.bytes.len().to_string(),
        ]);
    }
    println!("{table}");
    Ok(())
}

fn show(config: &Config, stores: &Stores, partition: i32, seq: Option<u64>) -> anyhow::Result<()> {
    let kept = chain(config, partition);
    let files = files(stores, &kept)?;
    let path = match seq {
        None => files.last().cloned(),
        Some(seq) => files
            .into_iter()
            .find(|path| kept.folder.seq(path) == Some(seq)),
    };
    let Some(path) = path else {
        bail!("{} holds no such checkpoint", kept.folder.path());
    };
    let Read {
        path,
        header,
        saved,
        bytes,
    } = read(stores, path)?;
    let ledger = saved.ledger;
    println!(
        "{path}, {} bytes, written {}\ntopic id {}, cluster {}\ntrack key with the fingerprint {}\nmodel {}, policy {}\n\
         offsets {}..{}: {} skipped, {} presence events, {} published, {} waiting in {} released windows{}, {} in {} open panes and {} growing windows; {} unfinished hours and \
         days, {} finished ones are in no file yet",
        bytes.len(),
        stamp(header.written),
        saved.log.topic().unwrap_or_else(|| "-".into()),
        saved.log.cluster.as_deref().unwrap_or("-"),
        saved.track_key.map_or("-".into(), demograph_core::hex),
        saved.terms.model,
        saved.terms.policy,
        ledger.first_offset,
        ledger.next_offset,
        ledger.skipped,
        ledger.presences,
        ledger.published,
        saved.waiting(),
        saved.outbox.len(),
        if saved.publish {
            " (published under this number)"
        } else {
            ""
        },
        saved.sources.records(),
        saved.sources.open_panes(),
        saved.sources.growing(),
        saved.periods.unfinished(),
        saved.periods.finished().len(),
    );
    let mut table = Shown::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["source", "closed until", "open panes"]);
    for (source, until, open) in saved.sources.iter() {
        table.add_row([source.to_string(), stamp(until), open.to_string()]);
    }
    println!("{table}");
    Ok(())
}

fn verify(config: &Config, stores: &Stores) -> anyhow::Result<ExitCode> {
    let mut all_well = true;
    for kept in chains(config, stores)? {
        match verified(config, stores, &kept) {
            Ok(fact) => println!("ok     partition {}: {fact}", kept.partition),
            Err(error) => {
                all_well = false;
                println!("FAULT  partition {}: {error:#}", kept.partition);
            }
        }
    }
    Ok(match all_well {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Reads a chain from its oldest checkpoint to its head, and the rows that each one published.
fn verified(config: &Config, stores: &Stores, kept: &Kept) -> anyhow::Result<String> {
    let mut before: Option<Read> = None;
    let (mut published, mut hours_and_days) = (0, 0);
    let paths = files(stores, kept)?;
    let checkpoints = paths.len();
    for path in paths {
        let next = read(stores, path)?;
        ensure!(
            next.saved.is_conserved(),
            "{}: its records do not add up to its offsets",
            next.path
        );
        if let Some(before) = &before {
            follows(before, &next)?;
        }
        if let Some(before) = before.replace(next) {
            let are_missing = || format!("rows that {} published are not there", before.path);
            published += rows_of(config, stores, kept, &before)?.with_context(are_missing)?;
            hours_and_days +=
                periods::published(config, stores, kept, &before)?.with_context(are_missing)?;
        }
    }
    let Some(head) = before else {
        return Ok("no checkpoint".into());
    };
    // The rows of a head may be on their way; after a crash the next owner publishes them.
    published += rows_of(config, stores, kept, &head)?.unwrap_or(0);
    hours_and_days += periods::published(config, stores, kept, &head)?.unwrap_or(0);
    let ledger = head.saved.ledger;
    Ok(format!(
        "{checkpoints} checkpoints up to {}, offsets {}..{}; {} published ({published} of them by checkpoints that \
         are still here, and found in the tables), {} waiting, {} open, {} presence events, {} skipped; {hours_and_days} hours and days of these \
         checkpoints found, {} unfinished",
        head.header.seq,
        ledger.first_offset,
        ledger.next_offset,
        ledger.published,
        head.saved.waiting(),
        head.saved.sources.records(),
        ledger.presences,
        ledger.skipped,
        head.saved.periods.unfinished(),
    ))
}

/// Whether one checkpoint is the next of another.
fn follows(before: &Read, next: &Read) -> anyhow::Result<()> {
    ensure!(
        next.header.seq == before.header.seq + 1,
        "{} does not follow {}",
        next.path,
        before.path
    );
    ensure!(
        next.header.parent == state::hash(&before.bytes),
        "{} was not made from {}",
        next.path,
        before.path
    );
    let (was, is) = (before.saved.ledger_after(), next.saved.ledger);
    // After a reset the ledger begins again.
    ensure!(
        is == Ledger::beginning(is.next_offset) || is.published == was.published,
        "{}: its ledger does not go on from {}",
        next.path,
        before.path
    );
    Ok(())
}

/// The records in the rows that a checkpoint published, which must be those of its outbox; `None` if a file is missing.
/// A file that `compact` deleted is there if a compacted file names it.
fn rows_of(
    config: &Config,
    stores: &Stores,
    kept: &Kept,
    checkpoint: &Read,
) -> anyhow::Result<Option<u64>> {
    if !checkpoint.saved.publish {
        return Ok(Some(0));
    }
    let name = sink::part_name(
        &config.kafka.group,
        &config.kafka.topic,
        kept.partition,
        checkpoint.header.seq,
    );
    let mut found = 0;
    for date in checkpoint.saved.dates() {
        let path = sink::part_path(Table::Windows, &date, &name);
        let Some(bytes) = stores.tables.find(&path)? else {
            // Its rows lie among those of a whole day, where nothing says which checkpoint they came from.
            let is_there = catalog::is_compacted(&stores.tables, Table::Windows, &date, &name)?;
            return Ok(is_there.then(|| checkpoint.saved.waiting()));
        };
        found += sink::records(bytes).with_context(|| path.clone())?;
    }
    ensure!(
        found == checkpoint.saved.waiting(),
        "{name} holds {found} records, and {} had {} to publish",
        checkpoint.path,
        checkpoint.saved.waiting()
    );
    Ok(Some(found))
}

fn topic(config: &Config) -> TopicFolder {
    TopicFolder::new(&config.kafka.group, &config.kafka.topic)
}

fn chain(config: &Config, partition: i32) -> Kept {
    Kept {
        partition,
        folder: topic(config).chain(partition),
    }
}

/// The partitions that have a chain.
fn chains(config: &Config, stores: &Stores) -> anyhow::Result<Vec<Kept>> {
    let topic = topic(config);
    let mut kept: Vec<Kept> = stores
        .state
        .folders(topic.path())?
        .iter()
        .filter_map(|folder| topic.partition(folder))
        .map(|partition| chain(config, partition))
        .collect();
    kept.sort_by_key(|kept| kept.partition);
    if kept.is_empty() {
        println!(
            "no checkpoint under {} in {}",
            topic.path(),
            stores.state.place()
        );
    }
    Ok(kept)
}

fn files(stores: &Stores, kept: &Kept) -> anyhow::Result<Vec<String>> {
    let listed = stores.list(kept.folder.path())?;
    let own = kept.folder.own(listed);
    Ok(own.into_iter().map(|file| file.path).collect())
}

fn read(stores: &Stores, path: String) -> anyhow::Result<Read> {
    let bytes = stores.state.read(&path)?;
    let (header, saved) = state::decode(&bytes).with_context(|| path.clone())?;
    Ok(Read {
        path,
        bytes,
        header,
        saved,
    })
}

fn stamp(time: EventTime) -> String {
    match jiff::Timestamp::from_millisecond(time.0) {
        Ok(time) if time.as_millisecond() > 0 => time.to_string(),
        _ => "-".into(),
    }
}
