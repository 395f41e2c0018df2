import pytest

from rag.errors import QuestionError
from rag.questions import Gazetteer, analyse
from rag.types import ReportMeta, Route, SectionKind, Turn


def meta(name: str, region: str, year: int) -> ReportMeta:
    office = f"{name}街道办事处"
    return ReportMeta(
        f"{name}{region}{year}", f"{name}.txt", None, office, (f"{name}街道", f"{name}街道办"), region, year
    )


NAMES = Gazetteer(
    [
        meta("青石", "临江区", 2022),
        meta("青石", "临江区", 2023),
        meta("云溪", "临江区", 2023),
        meta("云溪", "北山县", 2023),
    ]
)


@pytest.mark.parametrize(
    ("text", "route"),
    [
        ("哪些街道不具备行政执法权?", Route.SURVEY),
        ("which offices lack enforcement power?", Route.SURVEY),
        ("有没有哪个街道聘了法律顾问", Route.SURVEY),
        ("Does any office use drones?", Route.SURVEY),
        ("有几家街道设了综合执法队？", Route.COUNT),
        ("How many of the sub-districts use WeChat?", Route.COUNT),
        ("青石街道2022年和2023年的信访案件哪年多", Route.COMPARE),
        ("Did Qingshi close more petitions in 2023 than in 2022?", Route.COMPARE),
        ("青石街道办了多少件信访案件", Route.PASSAGE),
        ("青石街道有哪些不足", Route.PASSAGE),
        ("How many petition cases did Qingshi close in 2023?", Route.PASSAGE),
        ("谁没有执法权？", Route.SURVEY),
        ("Who lacks enforcement power?", Route.SURVEY),
        ("谁是民主法治示范乡镇？", Route.SURVEY),
        ("谁是法治建设第一责任人？", Route.PASSAGE),
        ("谁负责信访工作？", Route.PASSAGE),
        ("Who leads the law-based government work?", Route.PASSAGE),
        ("Who is in charge of petitions?", Route.PASSAGE),
    ],
)
def test_the_wording_decides_the_route(text, route):
    assert analyse(text, NAMES).route is route


def test_the_caller_can_override_the_route():
    assert analyse("哪些街道不具备行政执法权?", NAMES, route=Route.PASSAGE).route is Route.PASSAGE


@pytest.mark.parametrize(
    "text", ["青石办了多少信访", "青石街道办", "What did Qingshi do?", "what did qing shi sub-district do"]
)
def test_an_office_is_known_by_short_name_and_pinyin(text):
    assert analyse(text, NAMES).offices == (("青石街道办事处", "临江区"),)


def test_offices_of_one_short_name_are_both_meant_unless_the_region_is_named():
    assert {region for _, region in analyse("云溪街道的信访", NAMES).offices} == {"临江区", "北山县"}
    assert analyse("北山县云溪街道的信访", NAMES).offices == (("云溪街道办事处", "北山县"),)
    assert analyse("petitions in Yunxi, Beishan County", NAMES).offices == (("云溪街道办事处", "北山县"),)


def test_an_office_that_is_not_here_is_told():
    assert analyse("南京街道的信访案件多少", NAMES).unknown_offices == ("南京街道",)
    assert analyse("How many petitions did Hongqi sub-district have?", NAMES).unknown_offices


def test_generic_words_before_the_word_office_are_no_names():
    for text in ("各街道的信访", "这个街道的信访", "全区街道情况", "what does each sub-district do", "基层街道执法"):
        assert analyse(text, NAMES).unknown_offices == ()


@pytest.mark.parametrize(
    ("text", "years"), [("23年的信访", (2023,)), ("2022、2023年", (2022, 2023)), ("二〇二三年", (2023,))]
)
def test_years_are_read_in_every_form(text, years):
    assert analyse(f"青石街道{text}", NAMES).years == years


def test_synonyms_stand_for_one_concept_in_both_languages():
    chinese = analyse("哪些街道没有执法主体资格", NAMES).concepts[0]
    english = analyse("which offices lack enforcement power?", NAMES).concepts[0]
    assert set(chinese.words) == set(english.words)


def test_a_lack_inside_a_concepts_own_name_is_not_asked_for():
    assert not analyse("哪些街道实行首违不罚？", NAMES).lack
    assert analyse("哪些街道不具备执法权？", NAMES).lack


def test_words_that_point_at_a_section_are_not_looked_for():
    question = analyse("青石街道有哪些不足", NAMES)
    assert question.sections == (SectionKind.PROBLEMS,)
    assert all(concept.kind == "section" for concept in question.concepts)


def test_a_follow_up_keeps_office_year_and_topic():
    history = [Turn("青石街道2023年办了多少件信访案件？", "26件")]
    asked = analyse("那化解了多少？", NAMES, history=history)
    assert asked.offices == (("青石街道办事处", "临江区"),)
    assert asked.years == (2023,)
    other = analyse("云溪呢？", NAMES, history=history)
    assert {office for office, _ in other.offices} == {"云溪街道办事处"}
    assert "信访案件" in other.concepts[0].words


@pytest.mark.parametrize("text", ["", "   ", "？？？", "长" * 10_000])
def test_what_is_no_question_is_refused(text):
    with pytest.raises(QuestionError):
        analyse(text, NAMES)


@pytest.mark.parametrize("earlier", ["", "\r\n ", "？" * 3_000])
def test_an_earlier_turn_that_was_no_question_carries_nothing_over(earlier):
    question = "青石街道2023年受理信访案件多少件"
    assert analyse(question, Gazetteer(()), history=[Turn(earlier, "")]) == analyse(question, Gazetteer(()))
