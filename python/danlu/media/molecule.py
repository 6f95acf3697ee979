"""Molecules."""

from __future__ import annotations

import os

from .base import FileMedia, caption_of, is_path, require
from .content import Content, file_content

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, ClassVar

    from .places import Place

FILE_TYPES = ("pdb", "pqr", "mmcif", "mcif", "cif", "sdf", "sd", "gro", "mol2", "mmtf")
_RDKIT_FILES = ("mol", "sdf", "pdb")


class Molecule(FileMedia):
    """A molecule: the path of a file, or an open file with its `file_type`.

    The types are pdb, pqr, mmcif, mcif, cif, sdf, sd, gro, mol2 and mmtf. Raises ValueError for another one.
    """

    _log_type = "molecule-file"
    _list_type = "molecule"
    _kind = "molecule"
    SUPPORTED_TYPES: ClassVar[set[str]] = set(FILE_TYPES)
    SUPPORTED_RDKIT_TYPES: ClassVar[set[str]] = set(_RDKIT_FILES)

    def __init__(self, data_or_path: Any, caption: str | None = None, **kwargs: Any) -> None:
        """Take the file."""
        self._caption = caption_of("Molecule", caption)
        self._rdkit: tuple[Any, bool, int] | None = None
        file_type = kwargs.pop("file_type", None)
        if kwargs:
            raise TypeError(
                f"Molecule takes `caption` and `file_type`, not {', '.join(f'`{name}`' for name in kwargs)}"
            )
        if hasattr(data_or_path, "read"):
            name = getattr(data_or_path, "name", "")
            ext = _type_of(name if isinstance(name, str) else "", file_type)
            if getattr(data_or_path, "seekable", lambda: False)():
                data_or_path.seek(0)
            data = data_or_path.read()
            self._content = Content(f".{ext}", data.encode() if isinstance(data, str) else bytes(data))
        elif is_path(data_or_path):
            ext = _type_of(os.fspath(data_or_path), file_type)
            self._content = file_content("Molecule", data_or_path, f".{ext}")
        else:
            raise ValueError(f"Molecule takes a path or an open file, not `{type(data_or_path).__name__}`")

    @classmethod
    def from_rdkit(
        cls,
        data_or_path: Any,
        caption: str | None = None,
        convert_to_3d_and_optimize: bool = True,
        mmff_optimize_molecule_max_iterations: int = 200,
    ) -> Molecule:
        """Make one of a molecule of rdkit, or of a mol, sdf or pdb file that rdkit reads.

        Its shape in space is found after `log` has returned. Raises ValueError if rdkit cannot read the file.
        """
        chem = require("rdkit.Chem", "Molecule.from_rdkit()", "rdkit")
        if is_path(data_or_path):
            molecule = _read(chem, os.fspath(data_or_path))
        elif isinstance(data_or_path, chem.Mol):
            molecule = chem.Mol(data_or_path)
        else:
            raise ValueError(
                f"Molecule.from_rdkit() takes a path or an rdkit Mol, not `{type(data_or_path).__name__}`"
            )
        made = cls.__new__(cls)
        made._caption = caption_of("Molecule", caption)
        made._rdkit = (molecule, convert_to_3d_and_optimize, mmff_optimize_molecule_max_iterations)
        return made

    @classmethod
    def from_smiles(
        cls,
        data: str,
        caption: str | None = None,
        sanitize: bool = True,
        convert_to_3d_and_optimize: bool = True,
        mmff_optimize_molecule_max_iterations: int = 200,
    ) -> Molecule:
        """Make one of a SMILES text. Raises ValueError if it is none."""
        chem = require("rdkit.Chem", "Molecule.from_smiles()", "rdkit")
        molecule = chem.MolFromSmiles(data, sanitize=sanitize)
        if molecule is None:
            raise ValueError(f"Unable to parse the SMILES string: {data!r}")
        return cls.from_rdkit(
            molecule, caption, convert_to_3d_and_optimize, mmff_optimize_molecule_max_iterations
        )

    def _encode(self) -> Content:
        assert self._rdkit is not None  # noqa: S101
        self._content = Content(".pdb", _pdb(*self._rdkit))
        self._rdkit = None
        return self._content

    @classmethod
    def _join(cls, items: Sequence[Molecule], place: Place, key: str, step: int | str) -> dict[str, Any]:
        stored = [item._to_json(place, key, step) for item in items]
        return {
            "_type": cls._list_type,
            "filenames": [os.path.relpath(json["path"], cls.get_media_subdir()) for json in stored],
            "count": len(stored),
            "captions": cls.captions(items),
        }

    @classmethod
    def from_json(cls, json_obj: dict[str, Any], source_artifact: Any) -> Molecule:
        """Read a molecule back."""
        return cls(cls._read_back(json_obj, source_artifact), caption=json_obj.get("caption"))


def _type_of(name: str, given: str | None) -> str:
    found = (given or os.path.splitext(name)[1]).lower().lstrip(".")
    if found not in FILE_TYPES:
        raise ValueError(
            f"Molecule supports the file types {', '.join(FILE_TYPES)}, not `{given or name}`; "
            "give file_type= for an open file"
        )
    return found


def _read(chem: Any, path: str) -> Any:
    ext = os.path.splitext(path)[1].lower().lstrip(".")
    if ext not in _RDKIT_FILES:
        raise ValueError(f"Molecule.from_rdkit() takes files of {', '.join(_RDKIT_FILES)}, not `{path}`")
    content = file_content("Molecule", path)
    read = chem.MolFromPDBFile if ext == "pdb" else chem.MolFromMolFile
    molecule = read(content.path)
    if molecule is None:
        raise ValueError(f"Could not read the molecule in `{path}`: rdkit finds none there")
    return molecule


def _pdb(molecule: Any, in_space: bool, iterations: int) -> bytes:
    """Return a molecule as PDB text, with its shape in space if it is wanted."""
    chem = require("rdkit.Chem", "Molecule", "rdkit")
    if in_space:
        all_chem = require("rdkit.Chem.AllChem", "Molecule", "rdkit")
        molecule = chem.AddHs(molecule)
        # The same molecule always gets the same shape, and is stored once.
        if all_chem.EmbedMolecule(molecule, randomSeed=0xF00D) != 0 and all_chem.EmbedMolecule(
            molecule, randomSeed=0xF00D, useRandomCoords=True
        ):
            raise ValueError(
                "rdkit finds no shape in space for it; convert_to_3d_and_optimize=False stores it flat"
            )
        if all_chem.MMFFHasAllMoleculeParams(molecule):
            all_chem.MMFFOptimizeMolecule(molecule, maxIters=iterations)
    return str(chem.MolToPDBBlock(molecule)).encode()
