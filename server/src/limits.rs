//! Every limit by name: what it bounds, its default, and what 0 means. `--limit NAME=VALUE` sets one.

use std::time::Duration;

use crate::store::Room;

/// One row of the table below.
pub struct Limit {
    /// As in `--limit NAME=VALUE` and `[limits]`.
    pub name: &'static str,
    /// The value when nothing is said.
    pub default: u64,
    /// The smallest value above 0 that makes sense.
    pub floor: u64,
    /// What it bounds, in which unit, and what happens beyond it.
    pub about: &'static str,
    field: fn(&mut Limits) -> &mut u64,
}

macro_rules! limits {
    ($($field:ident $name:literal = $default:literal, $floor:literal.. $about:literal;)*) => {
        /// The limits in force. 0 means that there is none.
        #[derive(Clone, Debug, Eq, PartialEq)]
        pub struct Limits { $($field: u64,)* }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl Limits {
            /// The table, in the order of the documentation.
            pub const TABLE: &'static [Limit] = &[
                $(Limit { name: $name, default: $default, floor: $floor, about: $about, field: |limits| &mut limits.$field },)*
            ];
        }
    };
}

limits! {
    connections "connections" = 5000, 1..
        "connections at once; one more is told 217 too-many-connections with retry-after";
    connections_per_source "connections-per-source" = 256, 1..
        "connections at once from one IPv4 address or IPv6 /64; one more is told the same";
    strangers "strangers" = 512, 1..
        "connections at once that have not logged in; one more takes the place of the oldest from where there are most";
    strangers_per_source "strangers-per-source" = 256, 1..
        "the same, from one IPv4 address or IPv6 /64; one more is told 217 too-many-connections";
    turned_away "turned-away" = 16, 1..
        "connections at once that are told so; more are closed unanswered";
    handshake_seconds "handshake-seconds" = 5, 1..
        "from accept to the end of the TLS handshake; then the connection is closed";
    login_seconds "login-seconds" = 15, 1..
        "from the handshake to log-in; then 217 log-in-timeout";
    stranger_requests "stranger-requests" = 16, 3..
        "requests before log-in on one connection; then it is ended with 217";
    failed_logins "failed-logins" = 3, 1..
        "wrong passwords on one connection; then it is ended with 217";
    wrong_password_millis "wrong-password-millis" = 100, 1..
        "milliseconds, or a multiple of that, after which a wrong password or token is answered, whatever took how long";
    logins_per_source "logins-per-source" = 20, 1..
        "failed log-ins from one source in 10 minutes, then 216 throttled with retry-after; as many are looked at at once, the rest wait";
    logins_per_account "logins-per-account" = 5, 1..
        "wrong passwords in a row for one account, from devices it was not used on before; then 216 throttled: 10 s, doubled each time";
    logins_per_device "logins-per-device" = 10, 1..
        "the same from a device that it was used on before, which is counted by itself";
    longest_login_wait_seconds "longest-login-wait-seconds" = 900, 1..
        "the longest of these waits";
    guesses_in_a_row "guesses-in-a-row" = 100, 1..
        "wrong passwords in a row, counted as above, after which none is looked at for a day; devices of its own still let the owner in";
    registrations_per_source "registrations-per-source" = 100, 1..
        "accounts asked for from one source in 10 minutes, taken names included; then 216 throttled with retry-after";
    password_hashes "password-hashes" = 4, 1..
        "argon2 computations at once, each with the memory that --argon2 says; the rest wait";
    password_queue "password-queue" = 64, 1..
        "log-ins and registrations waiting for one, in turns by source; the last from where most wait are told 216 busy";
    password_bytes "password-bytes" = 8, 1..
        "the shortest password, in bytes; shorter ones are refused at registration";
    messages_per_second "messages-per-second" = 10, 1..
        "messages of one account in the long run; beyond that its connection is read more slowly";
    messages_burst "messages-burst" = 20, 1..
        "messages of one account that may come at once";
    lookups_per_second "lookups-per-second" = 10, 1..
        "pages of history, and lists of people and files, for one account in the long run; beyond that it is read more slowly";
    lookups_burst "lookups-burst" = 60, 1..
        "of these, as many as may be asked for at once";
    lane_messages "lane-messages" = 4096, 1..
        "messages waiting to be stored; beyond that their connections wait";
    outbox_bytes "outbox-bytes" = 262144, 65536..
        "bytes waiting to be written to one client; beyond that it is read from the store at its own pace";
    stranger_outbox_bytes "stranger-outbox-bytes" = 4096, 1..
        "the same for somebody who has not logged in; beyond that nothing more is read";
    write_seconds "write-seconds" = 30, 1..
        "without a client taking up to 16 KiB that wait for it; then the connection is closed";
    ping_seconds "ping-seconds" = 30, 1..
        "of quiet before the server pings";
    silence_seconds "silence-seconds" = 75, 2..
        "without a sign of life from a client that answers pings; then the connection is closed";
    ghost_millis "ghost-millis" = 2000, 10..
        "milliseconds that the holder of an account has to answer when somebody else logs in";
    linger_seconds "linger-seconds" = 10, 1..
        "after a lost connection before the others are told that somebody left";
    presence_millis "presence-millis" = 100, 1..
        "milliseconds for which log-ins and log-outs are gathered into one announcement; five times as long passes until the next";
    catch_up_messages "catch-up-messages" = 1000, 1..
        "messages per conversation sent at log-in; older ones are announced by 214 and can be fetched";
    token_days "token-days" = 14, 1..
        "days for which a session can be resumed without the password";
    plaintext_connections "plaintext-connections" = 64, 1..
        "connections at once at --plaintext-compat; one more is closed unanswered";
    plaintext_pause_millis "plaintext-pause-millis" = 40, 1..
        "milliseconds between two messages to an original client, where it cannot be seen whether it has read";
    plaintext_file_bytes "plaintext-file-bytes" = 1048576, 1..
        "the largest file from an original client; a longer one is passed over";
    file_bytes "file-bytes" = 1073741824, 1..
        "the largest file; a larger one is refused when it is offered";
    spool_bytes_per_user "spool-bytes-per-user" = 2147483648, 1..
        "bytes of all files that one account offers at a time; one more is refused with 208 quota";
    files_per_user "files-per-user" = 200, 1..
        "files that one account offers at a time; one more is refused with 208 quota";
    spool_bytes "spool-bytes" = 21474836480, 1..
        "bytes of all files that the server keeps; one more is refused with 208 quota";
    free_disk_bytes "free-disk-bytes" = 1073741824, 1..
        "bytes of the disk that files leave free; uploads wait with 224 disk-full until there is more";
    file_days "file-days" = 7, 1..
        "days for which a file is kept that not everybody has answered to";
    transfers "transfers-per-connection" = 32, 1..
        "files sent to one client at the same time; one more is told 224 busy";
    certificate_watch_millis "certificate-watch-millis" = 5000, 10..
        "milliseconds between two looks whether the files of the certificate have changed; 0: read on SIGHUP only";
    shutdown_seconds "shutdown-seconds" = 8, 1..
        "for finishing what is in flight when the server is stopped";
}

impl Limits {
    /// Sets one limit from `NAME=VALUE`.
    ///
    /// # Errors
    /// A sentence that names what is wrong, and for an unknown name all the known ones.
    pub fn set(&mut self, assignment: &str) -> Result<(), String> {
        let (name, value) = assignment.split_once('=').ok_or(format!("{assignment:?} is not NAME=VALUE"))?;
        let value =
            value.trim().parse().map_err(|_| format!("the limit {name} needs a whole number, 0 for none"))?;
        self.set_to(name.trim(), value)
    }

    /// Sets one limit.
    ///
    /// # Errors
    /// As [`Self::set`].
    pub fn set_to(&mut self, name: &str, value: u64) -> Result<(), String> {
        let Some(limit) = Self::TABLE.iter().find(|limit| limit.name == name) else {
            let known: Vec<_> = Self::TABLE.iter().map(|limit| limit.name).collect();
            return Err(format!("there is no limit {name:?}; there are: {}", known.join(", ")));
        };
        if value != 0 && value < limit.floor {
            return Err(format!("the limit {name} is at least {}, or 0 for none", limit.floor));
        }
        *(limit.field)(self) = value;
        Ok(())
    }

    /// What a limit is set to; `None`: there is no such limit.
    pub(crate) fn value(&self, name: &str) -> Option<u64> {
        let limit = Self::TABLE.iter().find(|limit| limit.name == name)?;
        Some(*(limit.field)(&mut self.clone()))
    }

    /// Sets one limit also below its floor, so that what happens beyond it happens all the time.
    #[cfg(any(test, feature = "sim"))]
    #[allow(clippy::unwrap_used, reason = "it is for tests, also where it is not built by them")]
    pub(crate) fn force(&mut self, name: &str, value: u64) {
        let limit = Self::TABLE.iter().find(|limit| limit.name == name).unwrap();
        *(limit.field)(self) = value;
    }

    pub(crate) fn connections(&self) -> usize {
        // What a tokio semaphore can hold.
        count(self.connections).min(usize::MAX >> 3)
    }

    pub(crate) fn connections_per_source(&self) -> usize {
        count(self.connections_per_source)
    }

    pub(crate) fn strangers(&self) -> usize {
        count(self.strangers)
    }

    pub(crate) fn strangers_per_source(&self) -> usize {
        count(self.strangers_per_source)
    }

    pub(crate) fn turned_away(&self) -> usize {
        // What a tokio semaphore can hold.
        count(self.turned_away).min(usize::MAX >> 3)
    }

    pub(crate) fn handshake(&self) -> Duration {
        seconds(self.handshake_seconds)
    }

    pub(crate) fn login(&self) -> Duration {
        seconds(self.login_seconds)
    }

    pub(crate) fn stranger_requests(&self) -> usize {
        count(self.stranger_requests)
    }

    pub(crate) fn failed_logins(&self) -> usize {
        count(self.failed_logins)
    }

    pub(crate) fn wrong_password(&self) -> Duration {
        Duration::from_millis(self.wrong_password_millis)
    }

    /// Failed log-ins per source: how many at once, and how long until one more.
    pub(crate) fn logins_per_source(&self) -> Option<(u64, Duration)> {
        per_ten_minutes(self.logins_per_source)
    }

    /// Wrong passwords in a row that need not wait.
    pub(crate) fn guesses_in_a_row(&self) -> u32 {
        in_a_row(self.guesses_in_a_row)
    }

    pub(crate) fn logins_per_account(&self) -> u32 {
        in_a_row(self.logins_per_account)
    }

    pub(crate) fn logins_per_device(&self) -> u32 {
        in_a_row(self.logins_per_device)
    }

    pub(crate) fn longest_login_wait(&self) -> Duration {
        seconds(self.longest_login_wait_seconds)
    }

    pub(crate) fn registrations_per_source(&self) -> Option<(u64, Duration)> {
        per_ten_minutes(self.registrations_per_source)
    }

    /// Messages per account: how many at once, and how long until one more.
    pub(crate) fn messages(&self) -> Option<(u64, Duration)> {
        per_second(self.messages_per_second, self.messages_burst)
    }

    /// What is read from the store for an account, as it asks.
    pub(crate) fn lookups(&self) -> Option<(u64, Duration)> {
        per_second(self.lookups_per_second, self.lookups_burst)
    }

    pub(crate) fn password_hashes(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        count(self.password_hashes).min(cores).max(1)
    }

    pub(crate) fn password_queue(&self) -> usize {
        count(self.password_queue)
    }

    pub(crate) fn password_bytes(&self) -> usize {
        count_or(self.password_bytes, 1)
    }

    pub(crate) fn lane_messages(&self) -> usize {
        // A queue is bounded whatever is asked for.
        count(self.lane_messages).min(1 << 20)
    }

    pub(crate) fn outbox_bytes(&self) -> usize {
        count(self.outbox_bytes)
    }

    pub(crate) fn stranger_outbox_bytes(&self) -> usize {
        count(self.stranger_outbox_bytes).min(self.outbox_bytes())
    }

    pub(crate) fn write(&self) -> Duration {
        seconds(self.write_seconds)
    }

    pub(crate) fn ping(&self) -> Duration {
        seconds(self.ping_seconds)
    }

    pub(crate) fn silence(&self) -> Duration {
        seconds(self.silence_seconds)
    }

    pub(crate) fn ghost(&self) -> Duration {
        Duration::from_millis(self.ghost_millis)
    }

    pub(crate) fn linger(&self) -> Duration {
        Duration::from_secs(self.linger_seconds)
    }

    pub(crate) fn presence(&self) -> Duration {
        Duration::from_millis(self.presence_millis)
    }

    pub(crate) fn catch_up_messages(&self) -> u64 {
        if self.catch_up_messages == 0 { u64::MAX } else { self.catch_up_messages }
    }

    pub(crate) fn token_millis(&self) -> u64 {
        if self.token_days == 0 { u64::MAX >> 2 } else { self.token_days.saturating_mul(24 * 3600 * 1000) }
    }

    pub(crate) fn plaintext_connections(&self) -> usize {
        // Budgeted apart from the rest, and never without a bound.
        count(self.plaintext_connections).min(1 << 16)
    }

    pub(crate) fn plaintext_pause(&self) -> Duration {
        Duration::from_millis(self.plaintext_pause_millis)
    }

    pub(crate) fn plaintext_file(&self) -> usize {
        count(self.plaintext_file_bytes).min(1 << 26)
    }

    pub(crate) fn file_bytes(&self) -> u64 {
        bytes(self.file_bytes)
    }

    pub(crate) fn room_for_files(&self) -> Room {
        Room {
            per_user: bytes(self.spool_bytes_per_user),
            count: bytes(self.files_per_user),
            total: bytes(self.spool_bytes),
        }
    }

    /// 0: files may fill the disk.
    pub(crate) fn free_disk(&self) -> u64 {
        self.free_disk_bytes
    }

    pub(crate) fn file_millis(&self) -> u64 {
        if self.file_days == 0 { u64::MAX >> 2 } else { self.file_days.saturating_mul(24 * 3600 * 1000) }
    }

    pub(crate) fn transfers(&self) -> usize {
        // Each holds a file open.
        count(self.transfers).min(1024)
    }

    pub(crate) fn certificate_watch(&self) -> Duration {
        if self.certificate_watch_millis == 0 {
            FOREVER
        } else {
            Duration::from_millis(self.certificate_watch_millis)
        }
    }

    pub(crate) fn shutdown(&self) -> Duration {
        seconds(self.shutdown_seconds)
    }
}

/// A year stands for "never": timers cannot hold much more.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

fn seconds(limit: u64) -> Duration {
    if limit == 0 { FOREVER } else { Duration::from_secs(limit).min(FOREVER) }
}

fn bytes(limit: u64) -> u64 {
    if limit == 0 { u64::MAX } else { limit }
}

fn count(limit: u64) -> usize {
    count_or(limit, usize::MAX)
}

fn count_or(limit: u64, none: usize) -> usize {
    if limit == 0 { none } else { usize::try_from(limit).unwrap_or(usize::MAX) }
}

fn in_a_row(limit: u64) -> u32 {
    u32::try_from(bytes(limit)).unwrap_or(u32::MAX)
}

fn per_second(limit: u64, burst: u64) -> Option<(u64, Duration)> {
    let interval = Duration::from_secs(1).checked_div(u32::try_from(limit).ok()?)?;
    Some((burst.max(1), interval))
}

fn per_ten_minutes(limit: u64) -> Option<(u64, Duration)> {
    let interval = Duration::from_secs(600).checked_div(u32::try_from(limit).ok()?)?;
    Some((limit, interval))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_can_be_set_by_its_name_and_switched_off() {
        for limit in Limits::TABLE {
            let mut limits = Limits::default();
            assert_eq!(*(limit.field)(&mut limits), limit.default, "{}", limit.name);
            limits.set(&format!("{}=0", limit.name)).unwrap();
            assert_eq!(*(limit.field)(&mut limits), 0, "{}", limit.name);
        }
    }

    #[test]
    fn a_wrong_limit_is_refused_with_what_would_be_right() {
        let mut limits = Limits::default();
        assert!(limits.set("conections=1").unwrap_err().contains("connections-per-source"));
        assert!(limits.set("connections=many").unwrap_err().contains("whole number"));
        assert!(limits.set("connections").unwrap_err().contains("NAME=VALUE"));
        assert!(limits.set("outbox-bytes=1").unwrap_err().contains("65536"));
    }

    #[test]
    fn no_limit_means_no_rate() {
        let mut limits = Limits::default();
        assert_eq!(limits.messages(), Some((20, Duration::from_millis(100))));
        limits.set("messages-per-second=0").unwrap();
        assert_eq!(limits.messages(), None);
    }
}
