//! The lines of the screen, for its size. Pure.

use crate::{
    answers::{Health, Picture, Source},
    choice::{Choice, Sort},
    words::{brief, clock, cut, fit, folded, harmless, shares, view_name, waiting, whole, wrapped},
};

mod inputs;
mod pace;

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    Plain,
    Head,
    Bad,
    Chosen,
    Soft,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub text: String,
    pub look: Look,
}

/// Columns and rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub columns: usize,
    pub rows: usize,
}

/// What is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub url: String,
    pub picture: Picture,
    /// Whether the instance has answered yet.
    pub has_answered: bool,
    /// Why it does not answer.
    pub trouble: Option<String>,
    /// It answers, but has said nothing new for so many seconds.
    pub silent: Option<u64>,
    pub choice: Choice,
}

/// Kafka is away if it has not answered for so long.
const AWAY_SECONDS: i64 = 10;
/// Above the list: title, health, choice, head.
const ABOVE: usize = 4;
/// Below it: the chosen source, and the keys.
const BELOW: usize = 9;
/// The name and the votes of a source.
const NAME: usize = 18;
const VOTES: usize = 9;
/// With fewer columns the list has no votes; with fewer than the second it has short names and no intervals.
const FOR_VOTES: usize = 60;
const FOR_INTERVALS: usize = 40;
/// With fewer columns nothing can be read.
const FOR_ANYTHING: usize = 20;

const KEYS: &str =
    "q quit  / filter  s sort  a attribute  v view  arrows choose  PgUp PgDn page  h health";
const FEW_KEYS: &str = "q quit  h health  / s a v";

impl Size {
    /// Sources on one screen.
    pub(crate) fn list(self) -> usize {
        let below = BELOW.min(self.rows / 2);
        self.rows.saturating_sub(ABOVE + below).max(1)
    }
}

/// The whole screen: at most as many lines as it has rows, none wider than it is.
pub(crate) fn screen(state: &State, size: Size) -> Vec<Line> {
    let mut lines = vec![title(state, size.columns), health(state)];
    match (state.choice.is_health, &state.picture.health) {
        _ if size.columns < FOR_ANYTHING => {
            let said = format!("too narrow: needs {FOR_ANYTHING} columns");
            let words = folded(&said, size.columns);
            lines.extend(words.iter().map(|text| line(text, Look::Bad)));
        }
        (true, Some(health)) => lines.extend(troubles(health, size)),
        _ => lines.extend(sources(state, size)),
    }
    lines.truncate(size.rows.saturating_sub(1));
    let last = size.rows.saturating_sub(1);
    lines.resize_with(last, || line("", Look::Plain));
    let keys = match state.choice.is_typing {
        true => format!(
            "filter: {}_   Enter keeps it, Esc clears it",
            harmless(&state.choice.search)
        ),
        false if size.columns < FOR_VOTES => FEW_KEYS.to_owned(),
        false => KEYS.to_owned(),
    };
    lines.push(line(&keys, Look::Soft));
    for line in &mut lines {
        line.text = cut(&line.text, size.columns);
    }
    lines
}

/// The same without a terminal: every source that was asked for, and no keys.
pub(crate) fn once(state: &State) -> String {
    let size = Size {
        columns: 100,
        rows: usize::MAX,
    };
    let mut lines = vec![title(state, size.columns), health(state)];
    let view = state.choice.view(&state.picture).to_owned();
    for source in &state.picture.sources.sources {
        lines.extend(details(state, source, &view, size.columns));
    }
    if let Some(health) = &state.picture.health {
        lines.extend(inputs::inputs(health));
        lines.extend(pace::pace(health));
        lines.extend(rejects(health));
    }
    let texts = lines
        .into_iter()
        .map(|line| line.text.trim_end().to_owned() + "\n");
    texts.collect()
}

fn line(text: &str, look: Look) -> Line {
    Line {
        text: text.to_owned(),
        look,
    }
}

fn title(state: &State, columns: usize) -> Line {
    let at = state.picture.live.at.as_deref();
    let now = clock(at, at);
    let (said, look) = match (&state.trouble, state.silent) {
        (Some(trouble), _) => (format!("NO ANSWER: {}", harmless(trouble)), Look::Bad),
        (None, Some(seconds)) => (
            format!("NOTHING NEW for {seconds} s: last update {now} UTC"),
            Look::Bad,
        ),
        (None, None) if is_without_broker(state) => (
            format!(
                "KAFKA HAS NOT ANSWERED since {} UTC",
                clock(state.picture.live.broker_answered.as_deref(), at)
            ),
            Look::Bad,
        ),
        (None, None) if !state.has_answered => ("connecting".into(), Look::Head),
        (None, None) if state.picture.is_of_tables() => {
            (format!("tables, read at {now} UTC"), Look::Head)
        }
        (None, None) => (format!("live {now} UTC"), Look::Head),
    };
    // What is said matters more than where it comes from.
    let place = match columns < FOR_VOTES {
        true => "",
        false => &format!("demograph top   {}   ", harmless(&state.url)),
    };
    line(&format!("{place}{said}"), look)
}

/// Whether no broker has answered for long: an idle one answers within half a second.
fn is_without_broker(state: &State) -> bool {
    let live = &state.picture.live;
    let time = |text: &Option<String>| text.as_ref()?.parse::<jiff::Timestamp>().ok();
    let times = time(&live.at).zip(time(&live.broker_answered));
    times.is_some_and(|(now, answered)| now.duration_since(answered).as_secs() > AWAY_SECONDS)
}

fn health(state: &State) -> Line {
    let Some(health) = &state.picture.health else {
        let left_out = &state.picture.sources.left_out;
        if let Some(first) = left_out.named.first() {
            let (files, file, why) = (left_out.files, harmless(&first.file), harmless(&first.why));
            let said = format!("FILES LEFT OUT: {files}, such as {file}: {why}");
            return line(&said, Look::Bad);
        }
        let said = match state.picture.is_of_tables() {
            true => "tables without a service: there is no health",
            false => "",
        };
        return line(said, Look::Soft);
    };
    let (said, look) = match (health.is_alive, health.is_ready) {
        (false, _) => ("NOT ALIVE", Look::Bad),
        (true, false) => ("NOT READY", Look::Bad),
        (true, true) => ("ready", Look::Plain),
    };
    let down = inputs::down(health);
    let look = if down.is_empty() { look } else { Look::Bad };
    let counts = health.records.iter();
    let counts =
        counts.map(|count| format!("{} {}", harmless(&count.outcome), whole(count.records)));
    let counts: Vec<String> = counts.collect();
    let lag = whole(u64::try_from(health.lag).unwrap_or(0));
    line(
        &format!("{said}{down}   lag {lag}   {}", counts.join("  ")),
        look,
    )
}

fn sources(state: &State, size: Size) -> Vec<Line> {
    let (choice, picture) = (&state.choice, &state.picture);
    let (rows, view) = (size.list(), choice.view(picture).to_owned());
    let page = choice.page(picture, rows);
    let name = view_name(&view, picture.is_of_tables());
    let mut lines = vec![line(
        &format!(
            "{name}   {}   by {}{}   {}",
            choice.attribute(),
            choice.sort.name(),
            filter(choice),
            place(state, page.len())
        ),
        Look::Plain,
    )];
    let shares = match size.columns < FOR_INTERVALS {
        true => "shares",
        false => "shares in % (95 % interval)",
    };
    let head = cells("source", "votes", shares, size.columns);
    lines.push(line(&format!("  {head}"), Look::Head));
    for (at, source) in page.iter().enumerate() {
        let is_chosen = at == choice.row;
        let mark = if is_chosen { "> " } else { "  " };
        let look = if is_chosen { Look::Chosen } else { Look::Plain };
        let text = format!("{mark}{}", row(state, source, &view, size.columns));
        lines.push(line(&text, look));
    }
    if page.is_empty() && state.has_answered {
        lines.push(line("  no source has such a name", Look::Soft));
    }
    let chosen = page.get(choice.row.min(page.len().saturating_sub(1)));
    let below = size.rows.saturating_sub(ABOVE + rows);
    lines.resize_with(2 + rows, || line("", Look::Plain));
    let details = chosen.map(|source| details(state, source, &view, size.columns));
    let details = details.into_iter().flatten();
    lines.extend(details.flat_map(|one| in_columns(one, size)).take(below));
    lines
}

fn filter(choice: &Choice) -> String {
    match choice.search.as_str() {
        "" => String::new(),
        search => format!("   filter {:?}", harmless(search)),
    }
}

/// Which sources are on the screen.
fn place(state: &State, shown: usize) -> String {
    let (choice, sources) = (&state.choice, &state.picture.sources);
    let (total, compared) = (sources.total, sources.sources.len());
    if shown == 0 {
        return format!("{} sources", whole(total as u64));
    }
    let numbers = format!(
        "{} to {} of {} sources",
        whole(choice.offset as u64 + 1),
        whole((choice.offset + shown) as u64),
        whole(total as u64)
    );
    match choice.sort != Sort::Name && compared < total {
        true => format!(
            "{numbers}, the first {} compared: filter",
            whole(compared as u64)
        ),
        false => numbers,
    }
}

/// A line of the list, as far as there are columns.
fn cells(name: &str, votes: &str, shares: &str, columns: usize) -> String {
    match columns {
        FOR_VOTES.. => format!("{} {votes:>VOTES$}  {shares}", fit(name, NAME)),
        FOR_INTERVALS.. => format!("{}  {shares}", fit(name, NAME)),
        _ => format!("{} {shares}", fit(name, columns / 3)),
    }
}

/// The line of a source.
fn row(state: &State, source: &Source, view: &str, columns: usize) -> String {
    let (picture, choice) = (&state.picture, &state.choice);
    let name = harmless(&source.source);
    let said = |votes: &str, text: &str| cells(&name, votes, text, columns);
    let Some(shown) = picture.view(&source.source, view) else {
        return said("", &waiting(source, view, picture.is_of_tables()));
    };
    let mut attributes = shown.attributes.iter();
    let Some(attribute) = attributes.find(|one| one.attribute == choice.attribute()) else {
        return said("", "not estimated here");
    };
    let votes = attribute.votes().map_or("hidden".into(), whole);
    let shares = match columns < FOR_INTERVALS {
        true => brief(attribute),
        false => shares(attribute),
    };
    said(&votes, &shares.join("  "))
}

/// A line in as many as it takes.
fn in_columns(one: Line, size: Size) -> Vec<Line> {
    let texts = folded(&one.text, size.columns);
    texts.iter().map(|text| line(text, one.look)).collect()
}

/// All that is shown of a source.
fn details(state: &State, source: &Source, view: &str, columns: usize) -> Vec<Line> {
    let picture = &state.picture;
    let name = harmless(&source.source);
    let Some(shown) = picture.view(&source.source, view) else {
        let waiting = waiting(source, view, picture.is_of_tables());
        return vec![line(&format!("{name}: {waiting}"), Look::Head)];
    };
    let now = picture.live.at.as_deref();
    let (from, until) = (
        clock(shown.from.as_deref(), now),
        clock(shown.until.as_deref(), now),
    );
    let view = view_name(view, picture.is_of_tables());
    let mut lines = vec![line(
        &format!("{name}: {view}, windows from {from} to {until} UTC"),
        Look::Head,
    )];
    if let Some(people) = picture.people(&source.source) {
        let since = people.since.as_deref();
        let since = since.map_or(String::new(), |since| {
            format!(
                ", of windows released since {} UTC",
                clock(Some(since), now)
            )
        });
        let date = harmless(&people.date);
        let count = match (people.has_untracked, people.today) {
            (true, 0) => "not known".to_owned(),
            (true, count) => format!("at least {}", whole(count)),
            (false, count) => whole(count),
        };
        let untracked = match people.has_untracked {
            true => "; faces without a track id voted, too",
            false => "",
        };
        lines.push(line(
            &format!("people   {count} on {date}{since}{untracked}"),
            Look::Plain,
        ));
    }
    for attribute in &shown.attributes {
        let mut words = shares(attribute);
        if let Some(votes) = attribute.votes() {
            words.insert(0, format!("{} votes", whole(votes)));
        }
        if attribute.hidden() > 0 {
            words.push(format!("({} hidden)", attribute.hidden()));
        }
        let look = match attribute.calibration_fits {
            Some(false) => Look::Bad,
            _ => Look::Plain,
        };
        let title = fit(&attribute.attribute, 9);
        let wrapped = wrapped(&title, &words, columns);
        lines.extend(wrapped.iter().map(|text| line(text, look)));
    }
    if shown.attributes.is_empty() {
        lines.push(line("nobody has voted in these windows", Look::Plain));
    }
    lines
}

fn troubles(health: &Health, size: Size) -> Vec<Line> {
    let mut lines = vec![line("", Look::Plain)];
    lines.extend(inputs::inputs(health));
    lines.extend(pace::pace(health));
    lines.push(line("", Look::Plain));
    lines.push(line("records", Look::Head));
    for count in &health.records {
        let name = fit(&harmless(&count.outcome), NAME);
        let text = format!("  {name} {:>12}", whole(count.records));
        lines.push(line(&text, Look::Plain));
    }
    lines.push(line("", Look::Plain));
    lines.extend(rejects(health));
    let lines = lines.into_iter().flat_map(|one| in_columns(one, size));
    lines.take(size.rows).collect()
}

/// Rejected records by reason, with the fix.
fn rejects(health: &Health) -> Vec<Line> {
    if health.rejected.is_empty() {
        return vec![line("no record was rejected", Look::Plain)];
    }
    let mut lines = vec![line("rejected records, and what to do", Look::Head)];
    for one in &health.rejected {
        let name = fit(&harmless(&one.reason), NAME);
        let text = format!("  {name} {:>9}  {}", whole(one.records), harmless(&one.fix));
        lines.push(line(&text, Look::Plain));
    }
    lines
}

#[cfg(test)]
pub(crate) mod tests;
