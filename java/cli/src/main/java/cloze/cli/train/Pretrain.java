package cloze.cli.train;

import cloze.cli.Subcommand;
import picocli.CommandLine.Command;

/** {@code cloze pretrain}. */
@Command(
        name = "pretrain",
        description = "Trains a model from nothing.",
        synopsisSubcommandLabel = "SYSTEM",
        subcommands = {PretrainGpt.class, PretrainMae.class},
        footerHeading = "%nExample:%n",
        footer = "  cloze pretrain gpt --data book.txt --run runs/book")
public final class Pretrain extends Subcommand {
    @Override
    public Integer call() {
        throw wrongUsage("pretrain needs a system: gpt or mae");
    }
}
