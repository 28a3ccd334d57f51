"""`yikatong cards`: batches at a maker, stock, lists of employers and schools."""

import typer

from yikatong.cards.lists.commands import lists_app
from yikatong.cards.production.commands import batch_app
from yikatong.cards.production.stock_commands import stock_app

cards_app = typer.Typer(help="社保卡 · cards.", no_args_is_help=True)
cards_app.add_typer(batch_app, name="batch")
cards_app.add_typer(lists_app, name="lists")
cards_app.add_typer(stock_app, name="stock")
