//! The form of a connection's schedule.

use ox_console::pages::connectors::ScheduleForm;

use crate::serve::Server;

/// The form; `None` where schedules can't be read.
pub(super) fn form(_server: &Server, _connection: &str, _href: &str) -> Option<ScheduleForm> {
    None
}
