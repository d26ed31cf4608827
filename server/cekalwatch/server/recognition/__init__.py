"""From pictures to templates: model packs, engines, micro-batches, enrolment."""
