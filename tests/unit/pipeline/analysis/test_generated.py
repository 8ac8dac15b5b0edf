"""What makes code at run time is named, since no hook can be in that."""

from __future__ import annotations

from meterize.model.package import Package
from meterize.pipeline.analysis.generated import name_generators
from meterize.pipeline.sources import PackageCode

SOURCE = """
import re
exec("made = 1")
class Template:
    def render(self, **values): exec(self.code, values)
    def match(self): return re.compile("x").match("x")
def make(text): return eval(compile(text, "<template>", "eval"))
def plain(): return 1
"""


def test_functions_that_look_up_a_compiler(tmp_path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "t.py").write_text(SOURCE)
    code = PackageCode(Package(import_name="pkg", distribution="pkg", version="1", site=tmp_path, modules=("pkg/t.py",)))
    names = code.codes("pkg/t.py")
    [sentence] = name_generators(names, code)
    assert "; Template.render (pkg/t.py:5), make (pkg/t.py:7) may make some" in sentence
    assert name_generators([name for name in names if name.qualname in ("plain", "Template.match", "<module>")], code) == ()
