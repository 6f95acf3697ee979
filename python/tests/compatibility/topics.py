"""The tables, in the order of the page."""

from __future__ import annotations

from . import (
    api,
    api_artifacts,
    api_run,
    artifact_build,
    artifact_read,
    commands,
    config,
    environment,
    errors,
    init,
    integrations,
    media,
    modules,
    plots,
    printing,
    run_artifacts,
    run_facts,
    run_methods,
    session,
    settings,
    settings_kept,
    tables,
)

TOPICS = [
    topic
    for module in (
        session,
        init,
        run_methods,
        run_artifacts,
        run_facts,
        config,
        media,
        tables,
        plots,
        artifact_build,
        artifact_read,
        api,
        api_run,
        api_artifacts,
        integrations,
        settings,
        settings_kept,
        environment,
        errors,
        printing,
        modules,
        commands,
    )
    for topic in module.TOPICS
]
