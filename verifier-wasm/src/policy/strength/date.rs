//! Years, and days of a year.

use super::matching::{Match, Pattern};

/// The fewest years that who guesses one tries.
const FEWEST_YEARS: u32 = 20;

/// The years that a date can be of.
const YEARS: std::ops::RangeInclusive<i32> = 1000..=2050;

/// The fewest characters of a date with separators that is looked for.
const SHORTEST_SEPARATED: usize = 6;

/// All years from 1900 to 2099, without overlaps.
pub(super) fn find_years(text: &[char], now: i32) -> Vec<Match> {
    let mut matches = Vec::new();
    let mut start = 0;
    while let Some(part) = text.get(start..start + 4) {
        match number(part).filter(|year| (1900..2100).contains(year)) {
            None => start += 1,
            Some(year) => {
                matches.push(Match {
                    start,
                    end: start + 3,
                    guesses: years(year, now),
                    pattern: Pattern::Year,
                });
                start += 4;
            }
        }
    }
    matches
}

/// All dates that are not a part of a longer one.
pub(super) fn find(text: &[char], now: i32) -> Vec<Match> {
    let mut matches = Vec::new();
    for start in 0..text.len() {
        for end in start + 3..text.len().min(start + 10) {
            let part = &text[start..=end];
            let plain = plain_year(part, now).map(|year| (year, 1));
            let year = plain.or_else(|| separated_year(part).map(|year| (year, 4)));
            matches.extend(year.map(|(year, separators)| Match {
                start,
                end,
                guesses: years(year, now) * 365 * separators,
                pattern: Pattern::Date,
            }));
        }
    }
    let all = matches.clone();
    matches.retain(|inner| {
        !all.iter().any(|outer| {
            (outer.start, outer.end) != (inner.start, inner.end)
                && outer.start <= inner.start
                && outer.end >= inner.end
        })
    });
    matches
}

/// How many years are tried until this one is.
fn years(year: i32, now: i32) -> u64 {
    year.abs_diff(now).max(FEWEST_YEARS).into()
}

/// The year of a date of 4 to 8 digits: of the ways to cut it, the year
/// closest to the current one.
fn plain_year(part: &[char], now: i32) -> Option<i32> {
    let cuts: &[(usize, usize)] = match part.len() {
        4 => &[(1, 2), (2, 3)],
        5 => &[(1, 3), (2, 3)],
        6 => &[(1, 2), (2, 4), (4, 5)],
        7 => &[(1, 3), (2, 3), (4, 5), (4, 6)],
        8 => &[(2, 4), (4, 6)],
        _ => return None,
    };
    number(part)?;
    cuts.iter()
        .filter_map(|&(first, second)| {
            year_of(
                number(&part[..first])?,
                number(&part[first..second])?,
                number(&part[second..])?,
            )
        })
        .min_by_key(|year| year.abs_diff(now))
}

/// The year of a date with separators, which are the same.
fn separated_year(part: &[char]) -> Option<i32> {
    if part.len() < SHORTEST_SEPARATED {
        return None;
    }
    let is_separator = |c: char| c.is_whitespace() || matches!(c, '/' | '\\' | '_' | '.' | '-');
    let mut numbers = part.split(|&c| is_separator(c));
    let (first, second, third) = (numbers.next()?, numbers.next()?, numbers.next()?);
    let between = part.get(first.len()) == part.get(first.len() + 1 + second.len());
    if numbers.next().is_some() || !between {
        return None;
    }
    let lengths = [(first, 4), (second, 2), (third, 4)];
    if lengths.iter().any(|(digits, most)| digits.len() > *most) {
        return None;
    }
    year_of(number(first)?, number(second)?, number(third)?)
}

/// The year, if the numbers can be a day, a month and a year: the year first
/// or last.
fn year_of(first: i32, second: i32, third: i32) -> Option<i32> {
    let all = [first, second, third];
    let count = |is: fn(i32) -> bool| all.iter().filter(|&&number| is(number)).count();
    if !(1..=31).contains(&second)
        || all
            .iter()
            .any(|number| *number > 99 && !YEARS.contains(number))
        || count(|number| number > 31) >= 2
        || count(|number| number > 12) == 3
        || count(|number| number == 0) >= 2
    {
        return None;
    }
    let is_day = |a: i32, b: i32| {
        let fits = |day, month| (1..=31).contains(&day) && (1..=12).contains(&month);
        fits(a, b) || fits(b, a)
    };
    let ways = [(third, first, second), (first, second, third)];
    // With a year of four digits nothing else can be the year.
    if let Some(&(year, a, b)) = ways.iter().find(|(year, ..)| YEARS.contains(year)) {
        return is_day(a, b).then_some(year);
    }
    let &(year, ..) = ways.iter().find(|&&(_, a, b)| is_day(a, b))?;
    Some(match year {
        100.. => year,
        51.. => 1900 + year,
        _ => 2000 + year,
    })
}

/// The number that up to eight digits make.
fn number(digits: &[char]) -> Option<i32> {
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    digits.iter().try_fold(0, |number, digit| {
        let digit = i32::try_from(digit.to_digit(10)?).ok()?;
        Some(number * 10 + digit)
    })
}
