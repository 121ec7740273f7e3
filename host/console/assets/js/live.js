// Live parts. An element with data-live="topic" or "topic:subject" is fetched again when such an event comes:
// the page it stands on is loaded, and the element with the same id is put in its place. A part under the
// pointer or with the focus inside is left alone: it shows instead that there is something new.
