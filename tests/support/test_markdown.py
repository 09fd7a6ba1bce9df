from gluon_bn.support.markdown import markdown_table


def test_a_table_has_a_line_for_its_heads_and_one_for_each_row():
    assert markdown_table(['a', 'b'], [['x', 1], ['', None]]) == '| a | b |\n|---|---|\n| x | 1 |\n|  | None |'
    assert markdown_table(['a'], iter([])) == '| a |\n|---|'
