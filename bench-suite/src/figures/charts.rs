//! Points shared out into charts of named curves, few enough in each to be told apart.
//!
//! What varies names the curves. Where these are too many, a value gets charts of its own, the policy last, since
//! policies are to be seen beside each other; and where even policies are too many, every chart has the kernel's.

use super::points::Point;
use crate::policies::BASELINE;
use plots::measured::Measured;

/// Curves of one chart.
const CURVES: usize = 9;

/// A curve: its name, and places with what was measured there.
pub(super) type Curve = (String, Vec<(f64, Measured)>);

/// A chart.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Chart {
    /// The values that all of it shares and that other charts do not.
    pub common: String,
    /// Its curves.
    pub curves: Vec<Curve>,
}

impl Chart {
    /// Its curves by name, places that are counts as counts.
    pub(super) fn counted(&self) -> Vec<(&str, Vec<(u32, Measured)>)> {
        let count = |x: f64| u32::try_from(plots::label::whole(x)).unwrap_or(u32::MAX);
        let counted = |points: &[(f64, Measured)]| points.iter().map(|(x, y)| (count(*x), *y)).collect();
        self.curves.iter().map(|(name, points)| (name.as_str(), counted(points))).collect()
    }
}

/// All points, in their order.
pub(super) fn charts(points: &[Point]) -> Vec<Chart> {
    let mut named = varying(points);
    let mut apart = Vec::new();
    while groups(points, &apart).iter().any(|(_, group)| curves(group, &named).len() > CURVES) {
        let Some(at) = named.iter().rposition(|key| key != "policy") else { break };
        apart.push(named.remove(at));
    }
    let groups = groups(points, &apart);
    groups.into_iter().flat_map(|(common, group)| chunks(common, curves(&group, &named))).collect()
}

/// The keys whose values differ, the policy first, and then those with fewer values.
fn varying(points: &[Point]) -> Vec<String> {
    let mut keys: Vec<&String> = points.iter().flat_map(|point| point.keys.keys()).collect();
    keys.sort();
    keys.dedup();
    let values = |key: &String| distinct(points.iter().map(|point| point.keys.get(key))).len();
    let mut keys: Vec<(&String, usize)> = keys.into_iter().map(|key| (key, values(key))).collect();
    keys.retain(|(_, values)| *values > 1);
    keys.sort_by_key(|(key, values)| (*key != "policy", *values));
    keys.into_iter().map(|(key, _)| key.clone()).collect()
}

/// What there is, once each, in order of first appearance.
fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    for one in all {
        if !seen.contains(&one) {
            seen.push(one);
        }
    }
    seen
}

/// The points by the values of `keys`.
fn groups<'p>(points: impl IntoIterator<Item = &'p Point>, keys: &[String]) -> Vec<(String, Vec<&'p Point>)> {
    let mut groups: Vec<(String, Vec<&Point>)> = Vec::new();
    for point in points {
        let name = name(point, keys);
        match groups.iter_mut().find(|(known, _)| *known == name) {
            Some((_, group)) => group.push(point),
            None => groups.push((name, vec![point])),
        }
    }
    groups
}

/// `kernel, slots=32`; nothing where nothing varies. A value without a key says what it is.
fn name(point: &Point, keys: &[String]) -> String {
    let value = |key: &String| {
        let value = point.keys.get(key)?;
        let bare = key == "policy" || key.is_empty();
        Some(if bare { value.clone() } else { format!("{key}={value}") })
    };
    keys.iter().filter_map(value).collect::<Vec<_>>().join(", ")
}

fn curves(points: &[&Point], keys: &[String]) -> Vec<Curve> {
    let curve = |(name, points): (String, Vec<&Point>)| {
        let name = if name.is_empty() { "all".to_owned() } else { name };
        (name, points.into_iter().map(|point| (point.x, point.y)).collect())
    };
    groups(points.iter().copied(), keys).into_iter().map(curve).collect()
}

/// Charts of at most [`CURVES`] curves, the kernel's in each.
fn chunks(common: String, curves: Vec<Curve>) -> Vec<Chart> {
    if curves.len() <= CURVES {
        return vec![Chart { common, curves }];
    }
    let is_base = |curve: &Curve| curve.0.split(", ").next() == Some(BASELINE);
    let (mut base, others): (Vec<Curve>, Vec<Curve>) = curves.into_iter().partition(is_base);
    base.truncate(CURVES / 2);
    let size = CURVES - base.len();
    let all = others.chunks(size).enumerate();
    let chart = |(n, some): (usize, &[Curve])| Chart {
        common: format!("{common}{}part {}", if common.is_empty() { "" } else { ", " }, n + 1),
        curves: base.iter().chain(some).cloned().collect(),
    };
    all.map(chart).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(x: f64, keys: &[(&str, &str)]) -> Point {
        let keys = keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Point { x, keys, y: Measured::exact(1.0, 12) }
    }

    fn grid(policies: &[&str], slots: &[&str]) -> Vec<Point> {
        let all = policies.iter().flat_map(|policy| slots.iter().map(move |slots| (*policy, *slots)));
        all.flat_map(|(p, s)| [1.0, 2.0].map(|x| point(x, &[("copy", "off"), ("policy", p), ("slots", s)])))
            .collect()
    }

    fn shape(charts: &[Chart]) -> Vec<(&str, Vec<&str>)> {
        let names = |chart: &Chart| chart.curves.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        charts
            .iter()
            .map(|c| (c.common.as_str(), names(c).leak().iter().map(String::as_str).collect()))
            .collect()
    }

    #[test]
    fn what_varies_names_the_curves() {
        let charts = charts(&grid(&["kernel", "fast"], &["1", "32"]));
        let names = vec!["kernel, slots=1", "kernel, slots=32", "fast, slots=1", "fast, slots=32"];
        assert_eq!(shape(&charts), [("", names)]);
        assert_eq!(charts[0].curves[0].1.len(), 2);
        assert_eq!(shape(&super::charts(&grid(&["kernel"], &["1"]))), [("", vec!["all"])]);
        assert!(super::charts(&[]).is_empty());
    }

    #[test]
    fn many_curves_become_several_charts_of_all_policies() {
        let charts = charts(&grid(&["kernel", "a", "b", "c"], &["1", "2", "32"]));
        let names = || vec!["kernel", "a", "b", "c"];
        assert_eq!(shape(&charts), [("slots=1", names()), ("slots=2", names()), ("slots=32", names())]);
    }

    #[test]
    fn of_too_many_policies_each_chart_has_the_kernels() {
        let policies: Vec<String> = (0..17).map(|i| format!("p{i}")).chain(["kernel".to_owned()]).collect();
        let policies: Vec<&str> = policies.iter().map(String::as_str).collect();
        let charts = charts(&grid(&policies, &["1"]));
        assert_eq!(charts.iter().map(|chart| chart.curves.len()).collect::<Vec<_>>(), [9, 9, 2]);
        assert!(charts.iter().all(|chart| chart.curves[0].0 == "kernel"));
        assert_eq!(charts[2].common, "part 3");
    }
}
