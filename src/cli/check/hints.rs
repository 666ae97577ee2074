//! What `check` says of the windows of each source: how often they would end with the traffic of the last days.

use demograph_service::{
    config::Config,
    sink::{Store, Traffic, traffic},
};

/// The quietest sources are named.
const NAMED_MAX: usize = 5;
const HOUR_MILLIS: f64 = 3_600_000.0;

/// One line a source, the quietest first, as far as the tables hold windows with people.
pub(super) fn of_windows(config: &Config, tables: &Store) -> anyhow::Result<Vec<String>> {
    let known = traffic(tables, config.policy.detections_factor)?;
    let mut known: Vec<_> = known.into_iter().collect();
    known.sort_by(|(_, a), (_, b)| a.people_an_hour().total_cmp(&b.people_an_hour()));
    let more = known.len().saturating_sub(NAMED_MAX);
    let named = known.iter().take(NAMED_MAX);
    let mut lines: Vec<String> = named
        .map(|(source, traffic)| line(config, source, traffic))
        .collect();
    if more > 0 {
        lines.push(format!("{more} other sources have more people"));
    }
    Ok(lines)
}

fn line(config: &Config, source: &str, traffic: &Traffic) -> String {
    let (windows, k_total) = (&config.windows, config.policy.k_total);
    let rate = traffic.people_an_hour();
    let came = format!(
        "{source}: {} people an hour in the last days",
        rounded(rate)
    );
    let (pane, longest) = (
        windows.pane.as_millis() as f64,
        windows.window_max.as_millis() as f64,
    );
    let shortest = pane / HOUR_MILLIS * 60.0;
    if windows.people_min == 0 {
        let people = rate * pane / HOUR_MILLIS;
        return match people < k_total as f64 {
            true => format!(
                "{came}: {} in each pane of {}. Fewer than {k_total} are hidden: set windows.people_min = 100 to show them \
                 in longer windows",
                rounded(people),
                windows.pane
            ),
            false => format!("{came}: a window every {}", windows.pane),
        };
    }
    let minutes = traffic.minutes_for(windows.people_min).max(shortest);
    if minutes * 60_000.0 <= longest {
        return format!("{came}: a window about every {}", time(minutes));
    }
    let people = rate * longest / HOUR_MILLIS;
    match people < k_total as f64 {
        true => format!(
            "{came}: {} in the longest window ({}). Fewer than {k_total} are hidden: this source will show nothing",
            rounded(people),
            windows.window_max
        ),
        false => format!(
            "{came}: a window every {} (windows.window_max)",
            windows.window_max
        ),
    }
}

fn time(minutes: f64) -> String {
    match minutes {
        minutes if minutes < 1.0 => format!("{:.0} s", minutes * 60.0),
        minutes if minutes < 120.0 => format!("{minutes:.0} min"),
        minutes => format!("{:.1} h", minutes / 60.0),
    }
}

fn rounded(people: f64) -> String {
    match people < 10.0 {
        true => format!("{people:.1}"),
        false => format!("{people:.0}"),
    }
}
