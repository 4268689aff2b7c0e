package cloze.bench;

import cloze.backend.Backend;
import cloze.bench.ours.ClozeStep;
import cloze.bench.ours.GptStep;
import cloze.bench.ours.MaeStep;
import cloze.bench.peer.TorchGpt;
import cloze.bench.peer.TorchMae;
import cloze.model.MaeConfig;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A training step that is compared.
 *
 * @param goal how much faster than libtorch ours should be
 */
record StepCase(String label, double goal, StepShape shape) {
    /** nanoGPT's model of Shakespeare, GPT-2 small, and a masked autoencoder of ViT-Tiny's size on 32 x 32 images. */
    static final List<StepCase> ALL = List.of(
            new StepCase("(a) GPT 6 x 384, B8 T256 V256", 1.4, new GptShape(new BlockStack(6, 384, 6), 256, 8, 256)),
            new StepCase("(b) GPT-2 124M, B4 T64", 1.5, new GptShape(new BlockStack(12, 768, 12), 50257, 4, 64)),
            new StepCase("(c) MAE ViT-Tiny, B64", 1.6, new MaeShape(64, MaeConfig.preset("vit-tiny-32"))));

    /** Those whose label contains {@code text}. */
    static List<StepCase> matching(String text) {
        return ALL.stream().filter(step -> step.label.contains(text)).toList();
    }

    ClozeStep ours(Backend backend) {
        return switch (shape) {
            case GptShape gpt -> new GptStep(backend, gpt);
            case MaeShape mae -> new MaeStep(backend, mae);
        };
    }

    /** @param weights to begin with, or null for random ones */
    TrainStep peer(BenchLibrary library, @Nullable Weights weights) {
        return switch (shape) {
            case GptShape gpt -> new TorchGpt(library, gpt, weights);
            case MaeShape mae -> new TorchMae(library, mae, weights);
        };
    }
}
