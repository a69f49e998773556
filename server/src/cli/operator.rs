//! Who is at the command line, for the audit trail.

use std::fs;

use crate::domain::context::OperatorName;

/// The name of the operating system's user that this process runs as, or the number where
/// no name is known. Who became root by sudo stands beside it, as far as sudo's variable
/// can be believed: root could write anything.
pub(super) fn name() -> OperatorName {
    let uid = rustix::process::getuid().as_raw();
    let name = fs::read_to_string("/etc/passwd")
        .ok()
        .and_then(|users| of_uid(&users, uid))
        .unwrap_or_else(|| uid.to_string());
    let by_sudo = std::env::var("SUDO_USER").ok();
    match by_sudo.filter(|user| uid == 0 && !user.is_empty()) {
        Some(user) => OperatorName::new(&format!("{name} (sudo by {user})")),
        None => OperatorName::new(&name),
    }
}

/// The name of the user in the lines of `/etc/passwd`, `name:password:uid:…`.
fn of_uid(users: &str, uid: u32) -> Option<String> {
    let uid = uid.to_string();
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_the_number() {
        let users = "root:x:0:0:root:/root:/bin/bash\n\nbroken\nada:x:1000:1000::/home/ada:\n";
        assert_eq!(of_uid(users, 1000).as_deref(), Some("ada"));
        assert_eq!(of_uid(users, 0).as_deref(), Some("root"));
        assert_eq!(of_uid(users, 10), None);
    }
}
