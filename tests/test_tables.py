from rag.tables import cell_figures

HEADER = "指标 | 2022年 | 2023年"


def test_a_cell_means_what_its_row_and_column_say():
    figures = cell_figures("受理信访（件） | 58 | 71", HEADER)
    assert [(figure.value, figure.unit) for figure in figures] == [(58, "件"), (71, "件")]
    assert figures[1].label == "受理信访(件) 2023年"


def test_the_unit_may_stand_in_the_column_head_or_in_a_column_of_its_own():
    (_, fine) = cell_figures("生态环境 | 9 | 61900", "领域 | 立案（件） | 罚款（元）")
    assert (fine.value, fine.unit) == (61900, "元")
    (figure,) = cell_figures("投入经费 | 万元 | 3.5", "项目 | 单位 | 数值")
    assert (figure.value, figure.unit) == (3.5, "万元")


def test_a_cell_with_its_own_unit_keeps_it():
    (figure,) = cell_figures("办结率 | 99.5%", "指标 | 数值")
    assert (figure.value, figure.unit, figure.qualifier) == (99.5, "%", "percent")


def test_a_figure_is_cut_from_the_row():
    row = "受理信访（件） | 58 | 71"
    for figure in cell_figures(row, HEADER):
        assert row[figure.start : figure.end] == figure.text
