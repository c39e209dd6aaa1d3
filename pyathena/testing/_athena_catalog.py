"""The catalog of `LocalAthena`: databases and tables as Athena's API tells them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias, TypeVar

from pyathena.testing._athena_http import AthenaError, Payload, refused
from pyathena.testing._athena_values import Column, Table

__all__ = ["Catalog", "get_database", "get_table", "list_catalogs", "list_databases", "list_tables", "page_of"]

# Tables by catalog, database and name.
Catalog: TypeAlias = dict[str, dict[str, dict[str, Table]]]

_T = TypeVar("_T")

_MAX_PAGE: Final = 50


def page_of(names: Iterable[str], payload: Payload) -> tuple[list[str], Payload]:
    """Take a page of names, which differ, and what an answer says of the next one: its token is the last name."""
    size = payload.get("MaxResults") or _MAX_PAGE
    if not 1 <= size <= _MAX_PAGE:
        raise refused(f"MaxResults is 1 to {_MAX_PAGE}, got {size}")
    left = list(names)
    token = payload.get("NextToken")
    if token is not None:
        if token not in left:
            raise refused(f"NextToken is not one of this list's: {token!r}")
        left = left[left.index(token) + 1 :]
    return left[:size], {"NextToken": left[size - 1]} if len(left) > size else {}


def _found(entries: Mapping[str, _T], name: str, error: AthenaError) -> tuple[str, _T]:
    """Look up a name, whose case does not matter, and tell it as it is written in the catalog."""
    for key, value in entries.items():
        if key.lower() == name.lower():
            return key, value
    raise error


def _databases(catalog: Catalog, payload: Payload) -> dict[str, dict[str, Table]]:
    name = payload["CatalogName"]
    return _found(catalog, name, refused(f"Catalog {name} is not found"))[1]


def _database(catalog: Catalog, payload: Payload) -> tuple[str, dict[str, Table]]:
    name = payload["DatabaseName"]
    missing = AthenaError("MetadataException", f"Database {name} not found")
    return _found(_databases(catalog, payload), name, missing)


def _columns(columns: Sequence[Column]) -> list[Payload]:
    return [
        {"Name": column.name, "Type": column.type} | ({} if column.comment is None else {"Comment": column.comment})
        for column in columns
    ]


def _table(name: str, table: Table) -> Payload:
    return {
        "Name": name,
        "TableType": table.table_type,
        "Columns": _columns(table.columns),
        "PartitionKeys": _columns(table.partition_keys),
        "Parameters": dict(table.parameters),
    }


def list_catalogs(catalog: Catalog, payload: Payload) -> Payload:
    """https://docs.aws.amazon.com/athena/latest/APIReference/API_ListDataCatalogs.html"""
    names, following = page_of(catalog, payload)
    return {"DataCatalogsSummary": [{"CatalogName": name, "Type": "GLUE"} for name in names], **following}


def list_databases(catalog: Catalog, payload: Payload) -> Payload:
    """https://docs.aws.amazon.com/athena/latest/APIReference/API_ListDatabases.html"""
    names, following = page_of(_databases(catalog, payload), payload)
    return {"DatabaseList": [{"Name": name} for name in names], **following}


def get_database(catalog: Catalog, payload: Payload) -> Payload:
    """https://docs.aws.amazon.com/athena/latest/APIReference/API_GetDatabase.html"""
    return {"Database": {"Name": _database(catalog, payload)[0]}}


def list_tables(catalog: Catalog, payload: Payload) -> Payload:
    """``Expression`` is a regular expression that a whole name matches.

    https://docs.aws.amazon.com/athena/latest/APIReference/API_ListTableMetadata.html
    """
    _, tables = _database(catalog, payload)
    pattern = re.compile(payload.get("Expression") or ".*", re.IGNORECASE)
    names, following = page_of(filter(pattern.fullmatch, tables), payload)
    return {"TableMetadataList": [_table(name, tables[name]) for name in names], **following}


def get_table(catalog: Catalog, payload: Payload) -> Payload:
    """https://docs.aws.amazon.com/athena/latest/APIReference/API_GetTableMetadata.html"""
    name = payload["TableName"]
    missing = AthenaError("MetadataException", f"EntityNotFoundException: Table {name} not found")
    found, table = _found(_database(catalog, payload)[1], name, missing)
    return {"TableMetadata": _table(found, table)}
