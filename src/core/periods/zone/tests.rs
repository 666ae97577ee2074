//! The hours and days of zones with all that clocks do.

use proptest::prelude::*;

use super::*;

fn zone(name: &str) -> Zone {
    Zone::named(name).unwrap()
}

fn time(text: &str) -> EventTime {
    EventTime(text.parse::<Timestamp>().unwrap().as_millisecond())
}

/// The periods that follow one another from one that begins at `from`, up to `until`.
fn periods(zone: &Zone, kind: PeriodKind, (from, until): (&str, &str)) -> Vec<Period> {
    let mut all = vec![zone.period(kind, time(from))];
    assert_eq!(all[0].start, time(from));
    while let Some(last) = all.last().filter(|last| last.end < time(until)) {
        all.push(zone.period(kind, last.end));
    }
    assert_eq!(all.last().unwrap().end, time(until));
    all
}

fn minutes(period: &Period) -> i64 {
    (period.end.0 - period.start.0) / 60_000
}

#[test]
fn a_day_in_berlin_has_23_24_or_25_hours() {
    let berlin = zone("Europe/Berlin");
    for (date, from, until, hours) in [
        ("spring", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", 23),
        ("summer", "2026-07-01T22:00:00Z", "2026-07-02T22:00:00Z", 24),
        ("autumn", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", 25),
    ] {
        let day = berlin.period(PeriodKind::Day, time(from));
        assert_eq!((day.start, day.end), (time(from), time(until)), "{date}");
        let all = periods(&berlin, PeriodKind::Hour, (from, until));
        assert_eq!(all.len(), hours, "{date}");
        assert!(all.iter().all(|hour| minutes(hour) == 60), "{date}");
    }
    // Two hours after two o'clock, an hour apart.
    let two = ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"];
    let two = two.map(|at| berlin.period(PeriodKind::Hour, time(at)));
    assert_eq!(two.map(|hour| hour.offset), [7_200, 3_600]);
    assert_eq!(two[0].end, two[1].start);
}

#[test]
fn an_hour_in_india_begins_in_the_middle_of_one_in_utc() {
    let hour = zone("Asia/Kolkata").period(PeriodKind::Hour, time("2026-03-01T10:40:00Z"));
    assert_eq!(hour.start, time("2026-03-01T10:30:00Z"));
    assert_eq!((minutes(&hour), hour.offset), (60, 19_800));
    let hour = zone("Asia/Kathmandu").period(PeriodKind::Hour, time("2026-03-01T10:14:59Z"));
    assert_eq!(hour.start, time("2026-03-01T09:15:00Z"));
}

#[test]
fn a_clock_that_is_set_by_half_an_hour_has_hours_of_half_an_hour() {
    let zone = zone("Australia/Lord_Howe");
    // 02:00 +11:00 becomes 01:30 +10:30.
    let back = periods(
        &zone,
        PeriodKind::Hour,
        ("2026-04-04T14:00:00Z", "2026-04-04T16:30:00Z"),
    );
    assert_eq!(back.iter().map(minutes).collect::<Vec<_>>(), [60, 30, 60]);
    // 02:00 +10:30 becomes 02:30 +11:00.
    let forth = periods(
        &zone,
        PeriodKind::Hour,
        ("2026-10-03T14:30:00Z", "2026-10-03T17:00:00Z"),
    );
    assert_eq!(forth.iter().map(minutes).collect::<Vec<_>>(), [60, 30, 60]);
}

#[test]
fn a_date_that_begins_at_one_or_does_not_exist() {
    // Midnight did not exist in Sao Paulo on 2018-11-04, and the whole of 2011-12-30 in Samoa.
    let day = zone("America/Sao_Paulo").period(PeriodKind::Day, time("2018-11-04T12:00:00Z"));
    assert_eq!(
        (day.start, minutes(&day)),
        (time("2018-11-04T03:00:00Z"), 23 * 60)
    );
    let days = periods(
        &zone("Pacific/Apia"),
        PeriodKind::Day,
        ("2011-12-29T10:00:00Z", "2011-12-31T10:00:00Z"),
    );
    assert_eq!(days.iter().map(minutes).collect::<Vec<_>>(), [24 * 60; 2]);
    assert_eq!(
        days.iter().map(|day| day.offset).collect::<Vec<_>>(),
        [-36_000, 50_400]
    );
}

#[test]
fn a_name_is_found_in_any_case_and_a_wrong_one_is_answered_with_a_right_one() {
    assert_eq!(zone("europe/berlin").name(), "Europe/Berlin");
    assert_eq!(zone("utc"), Zone::utc());
    for (wrong, meant) in [
        ("Berlin", "Europe/Berlin"),
        ("America/Berlin", "Europe/Berlin"),
        ("new york", "America/New_York"),
        ("MESZ", "Europe/Berlin"),
        ("Etc/Unknown", "Europe/Berlin"),
        ("", "Europe/Berlin"),
    ] {
        let error = Zone::named(wrong).unwrap_err().to_string();
        assert!(error.contains(meant), "{wrong}: {error}");
    }
}

#[test]
fn a_time_that_no_calendar_has_is_cut_as_in_utc() {
    for at in [EventTime(i64::MAX), EventTime::MIN] {
        for kind in PeriodKind::ALL {
            let period = zone("Europe/Berlin").period(kind, at);
            assert!(period.start <= at && period.end >= at, "{period:?}");
        }
    }
}

proptest! {
    #[test]
    fn every_time_is_in_its_period_and_the_next_one_begins_where_it_ends(
        at in 0i64..4_102_444_800_000,
        name in prop::sample::select(vec![
            "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe",
            "Pacific/Chatham", "America/Sao_Paulo", "Pacific/Apia", "Africa/Casablanca", "America/St_Johns",
        ]),
    ) {
        let zone = zone(name);
        let at = EventTime(at);
        for kind in PeriodKind::ALL {
            let period = zone.period(kind, at);
            prop_assert!(period.start <= at && at < period.end);
            prop_assert_eq!(zone.period(kind, period.start), period);
            prop_assert_eq!(zone.period(kind, EventTime(period.end.0 - 1)), period);
            prop_assert_eq!(zone.period(kind, period.end).start, period.end);
            prop_assert!(period.end.0 - period.start.0 <= kind.length() * 25 / 24);
        }
        let (hour, day) = (zone.period(PeriodKind::Hour, at), zone.period(PeriodKind::Day, at));
        prop_assert!(day.start <= hour.start && hour.end <= day.end, "{:?} in {:?}", hour, day);
    }
}
