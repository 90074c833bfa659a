"""Static files under hashed names, with the imports between ES modules rewritten to match.

It must not know any page.
"""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class ModuleStaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise is untyped
    """Only hashed files are kept, so `import … from "./view.js"` must name the hashed file too."""

    support_js_module_import_aggregation = True
