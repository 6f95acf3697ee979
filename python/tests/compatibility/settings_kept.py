"""Settings that have nothing to decide here."""

from __future__ import annotations

from typing import Any

import pytest
from danlu._fields import FIELDS

from .entries import Topic, wandb

kept = Topic(
    "Settings that are kept",
    "They are taken from everywhere, checked, and shown by `run.settings`; the note says why they have "
    "nothing to decide.",
)
TOPICS = [kept]

_VALUES = {
    "bool": True,
    "int": 3,
    "float": 3.0,
    "list": ["a"],
    "dict": {"a": "b"},
    "str": "text",
    "any": "text",
    "level": 30,
}

_WHY = {
    "Nothing is sent while training, so nothing is encoded, retried, limited, timed or sent through a "
    "proxy.": (
        "azure_account_url_to_access_key finish_timeout finish_timeout_raises heartbeat_seconds http_proxy "
        "https_proxy init_timeout insecure_disable_ssl summary_timeout x_extra_http_headers "
        "x_file_stream_max_bytes x_file_stream_max_line_bytes x_file_stream_no_gzip "
        "x_file_stream_retry_max x_file_stream_retry_wait_max_seconds x_file_stream_retry_wait_min_seconds "
        "x_file_stream_timeout_seconds x_file_stream_transmit_interval x_file_transfer_retry_max "
        "x_file_transfer_retry_wait_max_seconds x_file_transfer_retry_wait_min_seconds "
        "x_file_transfer_timeout_seconds x_graphql_retry_max x_graphql_retry_wait_max_seconds "
        "x_graphql_retry_wait_min_seconds x_graphql_timeout_seconds x_history_value_encoding "
        "x_live_policy_rate_limit x_live_policy_wait_time x_network_buffer x_proxies "
        "x_server_side_derived_summary x_sync"
    ),
    "There are no accounts, and nobody logs in.": (
        "anonymous api_key app_url_override base_url credentials_file force identity_token_file "
        "login_timeout organization relogin settings_system strict x_disable_viewer"
    ),
    "There is no service beside the training: it writes its file itself, at once.": (
        "x_executable x_flow_control_custom x_flow_control_disabled x_internal_check_process "
        "x_service_transport x_service_wait x_skip_transaction_log x_transaction_log_flush_interval "
        "x_cli_only_mode x_log_level"
    ),
    "There are no jobs and no queues of a server to start them from.": (
        "disable_job_creation job_name job_source launch launch_config_path x_runqueue_item_id"
    ),
    "A run is one file; its directory has no other name, and what is saved is in the file.": (
        "allow_media_symlink console_multipart console_chunk_max_bytes console_chunk_max_seconds symlink "
        "x_files_dir x_sync_dir_suffix"
    ),
    "Nobody stops a training from outside, and an error of the store does not either.": "stop_fn "
    "stop_on_fatal_error",
    "At the end of a run danlu says one line.": (
        "max_end_of_run_history_metrics max_end_of_run_summary_metrics show_colors show_emoji show_errors "
        "summary_warnings"
    ),
    "The directory of the runs is always called `wandb`.": "use_dot_wandb",
    "Nothing is asked of SageMaker, and labels are not looked for in the code.": "label_disable "
    "sagemaker_disable",
    "Artifacts are always stored here.": "allow_offline_artifacts",
    "Several processes may always write one run, each a file of its own; how the run ended is said "
    "by each.": ("x_primary x_update_finish_state"),
    "Found out from the process itself.": (
        "program_abspath program_relpath resumed x_jupyter_name x_jupyter_path x_jupyter_root x_start_time"
    ),
    "Not recorded: the machine is asked, not these.": (
        "x_stats_buffer_size x_stats_coreweave_metadata_base_url x_stats_coreweave_metadata_endpoint "
        "x_stats_cpu_count x_stats_cpu_logical_count x_stats_dcgm_exporter x_stats_gpu_count "
        "x_stats_gpu_type x_stats_neuron_monitor_config_path x_stats_open_metrics_endpoints "
        "x_stats_open_metrics_filters x_stats_open_metrics_http_headers x_stats_self_usage"
    ),
    "`run.log_code()` says which directory; what is not committed is always a diff to the last commit.": (
        "code_dir disable_git_fork_point"
    ),
    "What a logger prints is recorded with what else is printed.": "capture_loggers",
}


def _check(name: str) -> None:
    kind, default = FIELDS[name]
    value: Any = _VALUES[kind]
    with wandb.init(settings=wandb.Settings(**{name: value})) as run:
        assert getattr(run.settings, name) in (value, default)
        run.log({"a": 1})
    assert run.lost == 0


for _why, _names in _WHY.items():
    kept.partly(*(f"Settings.{name}" for name in _names.split()), note=_why)(_check)


@kept.no(
    "Settings.start_method",
    "Settings.magic",
    "Settings._disable_service",
    "Settings._except_exit",
    "Settings._require_core",
    note="Taken without an error and ignored with a warning: wandb has them no more either.",
)
def _(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    wandb.Settings(**{name: True})
    assert name in capfd.readouterr().err


@kept.yes("Settings._stats_sample_rate_seconds", note="The old name of `x_stats_sampling_interval`.")
def _() -> None:
    assert wandb.Settings(_stats_sample_rate_seconds=3).x_stats_sampling_interval == 3
