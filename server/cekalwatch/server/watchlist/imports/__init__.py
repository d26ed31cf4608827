"""From a record to the database: checks, enrolment, writing, reports."""
