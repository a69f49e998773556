//! A secret `x` may stand in a file of its own, which `x_file` names.

use std::{collections::BTreeSet, fs::File, io::Read, path::Path};

use figment::value::Value;
use zeroize::Zeroizing;

use super::{
    error::ConfigError,
    keys::{self, Key, Shape},
    setting::Setting,
};

/// More than any secret needs, and little enough that a mistaken path (a log,
/// a device) does no harm.
const MAX_SECRET_FILE: u64 = 64 * 1024;

/// Puts the content of each `x_file` in the place of `x`. A file that a higher
/// layer overrides is not read, since it need not exist. Layers are given from
/// the lowest to the highest, and so are the settings that come back.
pub(super) fn resolve<const N: usize>(
    layers: [Vec<Setting>; N],
    directory: &Path,
) -> Result<Vec<Setting>, ConfigError> {
    let mut decided: BTreeSet<&'static str> = BTreeSet::new();
    let mut from_the_top: Vec<Setting> = Vec::new();
    for layer in layers.into_iter().rev() {
        refuse_twins(&layer)?;
        let mut here = Vec::new();
        for setting in layer.into_iter().rev() {
            match keys::find(&setting.path) {
                Some((key, _)) if key.is_secret() && decided.contains(key.path) => {}
                Some((key, is_file)) => {
                    here.push(key.path);
                    from_the_top.push(if is_file {
                        secret_from_file(key, &setting, directory)?
                    } else {
                        setting
                    });
                }
                None => return Err(ConfigError::unknown_key(&setting.path, &setting.origin)),
            }
        }
        decided.extend(here);
    }
    from_the_top.reverse();
    Ok(from_the_top)
}

/// `x` and `x_file` in one layer contradict each other.
fn refuse_twins(layer: &[Setting]) -> Result<(), ConfigError> {
    for setting in layer {
        let twin = layer
            .iter()
            .find(|other| other.path.strip_suffix("_file") == Some(&setting.path));
        if let Some(twin) = twin {
            let problem = format!(
                "is set, and {} too ({}); keep one of them",
                twin.path, twin.origin
            );
            return Err(ConfigError::value(&setting.path, problem, &setting.origin));
        }
    }
    Ok(())
}

fn secret_from_file(key: Key, setting: &Setting, directory: &Path) -> Result<Setting, ConfigError> {
    let path = format!("{}_file", key.path);
    let Some(file) = setting.value.as_str() else {
        return Err(ConfigError::value(
            &path,
            "is not the name of a file",
            &setting.origin,
        ));
    };
    let refuse = |problem: String| ConfigError::value(&path, problem, &setting.origin);
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(directory.join(file))
        .and_then(|opened| opened.take(MAX_SECRET_FILE + 1).read_to_end(&mut bytes))
        .map_err(|error| refuse(format!("cannot read {file}: {error}")))?;
    if bytes.len() as u64 > MAX_SECRET_FILE {
        return Err(refuse(format!(
            "{file} is larger than {MAX_SECRET_FILE} bytes"
        )));
    }
    let text =
        std::str::from_utf8(&bytes).map_err(|_| refuse(format!("{file} is not UTF-8 text")))?;
    let text = text
        .strip_suffix('\n')
        .map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
    if text.is_empty() {
        return Err(refuse(format!("{file} is empty")));
    }
    let value = match key.shape {
        Shape::Secrets => {
            let lines = text
                .lines()
                .filter(|line| !line.is_empty())
                .map(str::to_owned);
            Value::from(lines.collect::<Vec<String>>())
        }
        _ => Value::from(text),
    };
    let origin = setting.origin.secret_file(Path::new(file));
    Ok(Setting {
        path: key.path.to_owned(),
        value,
        origin,
    })
}
