"""The settings that there are, each with its kind and its default. Most are only kept."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: The kind says what a text from a file or the environment is made into.
FIELDS: dict[str, tuple[str, Any]] = {
    "allow_media_symlink": ("bool", False),
    "allow_offline_artifacts": ("bool", True),
    "allow_val_change": ("bool", False),
    "anonymous": ("any", None),
    "api_key": ("str", None),
    "azure_account_url_to_access_key": ("dict", None),
    "app_url_override": ("str", None),
    "base_url": ("str", "https://api.wandb.ai"),
    "code_dir": ("str", None),
    "config_paths": ("list", None),
    "console": ("str", "auto"),
    "console_multipart": ("bool", False),
    "console_chunk_max_bytes": ("int", 0),
    "console_chunk_max_seconds": ("int", 0),
    "capture_loggers": ("dict", None),
    "credentials_file": ("str", None),
    "disable_code": ("bool", False),
    "disable_git": ("bool", False),
    "disable_git_fork_point": ("bool", True),
    "disable_job_creation": ("bool", True),
    "docker": ("str", None),
    "email": ("str", None),
    "entity": ("str", None),
    "organization": ("str", None),
    "force": ("bool", False),
    "fork_from": ("str", None),
    "git_commit": ("str", None),
    "git_remote": ("str", "origin"),
    "git_remote_url": ("str", None),
    "git_root": ("str", None),
    "heartbeat_seconds": ("int", 30),
    "host": ("str", None),
    "http_proxy": ("str", None),
    "https_proxy": ("str", None),
    "identity_token_file": ("str", None),
    "ignore_globs": ("list", ()),
    "init_timeout": ("float", 90.0),
    "finish_timeout": ("float", 0.0),
    "finish_timeout_raises": ("bool", False),
    "insecure_disable_ssl": ("bool", False),
    "job_name": ("str", None),
    "job_source": ("str", None),
    "label_disable": ("bool", False),
    "launch": ("bool", False),
    "launch_config_path": ("str", None),
    "login_timeout": ("float", None),
    "mode": ("str", "online"),
    "notebook_name": ("str", None),
    "program": ("str", None),
    "program_abspath": ("str", None),
    "program_relpath": ("str", None),
    "project": ("str", None),
    "quiet": ("bool", False),
    "reinit": ("any", "default"),
    "relogin": ("bool", False),
    "resume": ("any", None),
    "resume_from": ("str", None),
    "resumed": ("bool", False),
    "root_dir": ("str", "."),
    "run_group": ("str", None),
    "run_id": ("str", None),
    "run_job_type": ("str", None),
    "run_name": ("str", None),
    "run_notes": ("str", None),
    "run_tags": ("list", None),
    "sagemaker_disable": ("bool", False),
    "save_code": ("bool", None),
    "settings_system": ("str", None),
    "stop_fn": ("any", None),
    "max_end_of_run_history_metrics": ("int", 10),
    "max_end_of_run_summary_metrics": ("int", 10),
    "show_colors": ("bool", None),
    "show_emoji": ("bool", None),
    "show_errors": ("bool", True),
    "show_info": ("bool", True),
    "show_warnings": ("bool", True),
    "silent": ("bool", False),
    "stop_on_fatal_error": ("bool", False),
    "strict": ("bool", None),
    "summary_timeout": ("int", 60),
    "summary_warnings": ("int", 5),
    "sweep_id": ("str", None),
    "sweep_param_path": ("str", None),
    "symlink": ("bool", True),
    "sync_tensorboard": ("bool", None),
    "table_raise_on_max_row_limit_exceeded": ("bool", False),
    "use_dot_wandb": ("bool", None),
    "username": ("str", None),
    "x_cli_only_mode": ("bool", False),
    "x_disable_meta": ("bool", False),
    "x_disable_stats": ("bool", False),
    "x_disable_viewer": ("bool", False),
    "x_disable_machine_info": ("bool", False),
    "x_executable": ("str", None),
    "x_extra_http_headers": ("dict", None),
    "x_file_stream_max_bytes": ("int", None),
    "x_file_stream_max_line_bytes": ("int", None),
    "x_file_stream_transmit_interval": ("float", None),
    "x_file_stream_no_gzip": ("bool", True),
    "x_file_stream_retry_max": ("int", None),
    "x_file_stream_retry_wait_min_seconds": ("float", None),
    "x_file_stream_retry_wait_max_seconds": ("float", None),
    "x_file_stream_timeout_seconds": ("float", None),
    "x_file_transfer_retry_max": ("int", None),
    "x_file_transfer_retry_wait_min_seconds": ("float", None),
    "x_file_transfer_retry_wait_max_seconds": ("float", None),
    "x_file_transfer_timeout_seconds": ("float", None),
    "x_files_dir": ("str", None),
    "x_flow_control_custom": ("bool", None),
    "x_flow_control_disabled": ("bool", None),
    "x_graphql_retry_max": ("int", None),
    "x_graphql_retry_wait_min_seconds": ("float", None),
    "x_graphql_retry_wait_max_seconds": ("float", None),
    "x_graphql_timeout_seconds": ("float", None),
    "x_history_value_encoding": ("str", "json"),
    "x_internal_check_process": ("float", 8.0),
    "x_jupyter_name": ("str", None),
    "x_jupyter_path": ("str", None),
    "x_jupyter_root": ("str", None),
    "x_label": ("str", None),
    "x_live_policy_rate_limit": ("int", None),
    "x_live_policy_wait_time": ("int", None),
    "x_log_level": ("level", 20),
    "x_network_buffer": ("int", None),
    "x_primary": ("bool", True),
    "x_proxies": ("dict", None),
    "x_runqueue_item_id": ("str", None),
    "x_save_requirements": ("bool", True),
    "x_server_side_derived_summary": ("bool", False),
    "x_service_transport": ("str", None),
    "x_service_wait": ("float", 30.0),
    "x_skip_transaction_log": ("bool", False),
    "x_start_time": ("float", None),
    "x_stats_pid": ("int", None),
    "x_stats_sampling_interval": ("float", 15.0),
    "x_stats_neuron_monitor_config_path": ("str", None),
    "x_stats_dcgm_exporter": ("str", None),
    "x_stats_open_metrics_endpoints": ("dict", None),
    "x_stats_open_metrics_filters": ("list", None),
    "x_stats_open_metrics_http_headers": ("dict", None),
    "x_stats_disk_paths": ("list", ("/",)),
    "x_stats_cpu_count": ("int", None),
    "x_stats_cpu_logical_count": ("int", None),
    "x_stats_gpu_count": ("int", None),
    "x_stats_gpu_type": ("str", None),
    "x_stats_gpu_device_ids": ("list", None),
    "x_stats_buffer_size": ("int", 0),
    "x_stats_coreweave_metadata_base_url": ("str", "http://169.254.169.254"),
    "x_stats_coreweave_metadata_endpoint": ("str", "/api/v2/cloud-init/meta-data"),
    "x_stats_track_process_tree": ("bool", False),
    "x_stats_no_cgroup": ("bool", False),
    "x_stats_self_usage": ("bool", False),
    "x_sync": ("bool", False),
    "x_sync_dir_suffix": ("str", ""),
    "x_transaction_log_flush_interval": ("float", 15.0),
    "x_update_finish_state": ("bool", True),
}

#: Settings of older versions, by the one that they became; None for those that nothing came of.
OLD: dict[str, str | None] = {
    "magic": None,
    "start_method": None,
    "system_sample_seconds": "x_stats_sampling_interval",
    "x_disable_service": None,
    "x_disable_setproctitle": None,
    "x_disable_update_check": None,
    "x_except_exit": None,
    "x_stats_sample_rate_seconds": "x_stats_sampling_interval",
    "x_stats_samples_to_average": None,
}

_TRUE = ("1", "true", "t", "yes", "y", "on")
_FALSE = ("0", "false", "f", "no", "n", "off")


#: The numbers of Python's logging levels.
_LEVELS = {"debug": 10, "info": 20, "warn": 30, "warning": 30, "error": 40, "critical": 50}


def field_of(name: str) -> str | None:
    """Return the field that a name means: `_log_level` is `x_log_level`. None if there is none."""
    if name in FIELDS:
        return name
    private = f"x{name}" if name.startswith("_") else name
    if private in FIELDS:
        return private
    return OLD.get(private)


def is_old(name: str) -> bool:
    """Say whether a version of wandb had this setting."""
    private = f"x{name}" if name.startswith("_") else name
    return private in OLD or private.startswith("x_require_")


def made_of(field: str, value: Any) -> Any:
    """Return what a text is for a field; other values are taken as they are. Raises ValueError."""
    kind = FIELDS[field][0]
    if not isinstance(value, str) or kind in ("str", "any"):
        return value
    if kind == "bool":
        lower = value.strip().lower()
        if lower in _TRUE or lower in _FALSE:
            return lower in _TRUE
        raise ValueError(f"`{field}` is true or false, not `{value}`")
    if kind == "list":
        return [part.strip() for part in value.split(",") if part.strip()]
    if kind == "dict":
        import json

        return json.loads(value)
    if kind == "level" and value.strip().lower() in _LEVELS:
        return _LEVELS[value.strip().lower()]
    try:
        return float(value) if kind == "float" else int(value)
    except ValueError:
        raise ValueError(f"`{field}` is a number, not `{value}`") from None
