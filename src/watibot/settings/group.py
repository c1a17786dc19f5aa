"""What every group of settings is made of."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Seconds = Annotated[float, Field(ge=0)]
PerMinute = Annotated[float, Field(gt=0)]
Names = Annotated[tuple[str, ...], NoDecode]


class Group(BaseSettings):
    """A group of settings; `env_prefix` + field name in capitals is the variable."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    @field_validator("*", mode="before")
    @classmethod
    def _split_names(cls, value: Any, info: Any) -> Any:
        if (
            isinstance(value, str)
            and cls.model_fields[info.field_name].annotation == tuple[str, ...]
        ):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value
