"""The user's function between luge's Arrow data and its encoding: RecordBatch -> RecordBatch of the same schema and number of rows."""
import importlib
import os
import sys

import pyarrow

import _luge_failure as failure


class Transform:
    def __init__(self, name):
        module, separator, function = name.partition(":")
        if not (module and separator and function):
            raise failure.Refused("it is not of the form module:function")
        if os.getcwd() not in sys.path:  # PYTHONPATH is there already
            sys.path.insert(0, os.getcwd())
        self.function = getattr(importlib.import_module(module), function, None)
        if not callable(self.function):
            raise failure.Refused(f"the module {module} has no function {function}")

    def run(self, array, schema, out_array, out_schema):
        """Addresses of C structs. Nothing is copied here: the batch uses luge's buffers until its last reference is gone."""
        batch = pyarrow.RecordBatch._import_from_c(array, schema)
        result = self.function(batch)
        if not isinstance(result, pyarrow.RecordBatch):
            raise failure.Refused(f"it returned {type(result).__name__} and not a pyarrow.RecordBatch")
        if result.num_rows != batch.num_rows:
            raise failure.Refused(f"it returned {result.num_rows} rows for {batch.num_rows}: rows may not be added, dropped or split, one change is one row")
        if result.schema.names != batch.schema.names:
            raise failure.Refused(f"it returned the columns {', '.join(result.schema.names)} for {', '.join(batch.schema.names)}")
        for given, returned in zip(batch.schema, result.schema):
            if given.type != returned.type:
                raise failure.Refused(f"column {given.name} came back as {returned.type} and not as {given.type}; cast it")
        result._export_to_c(out_array, out_schema)
