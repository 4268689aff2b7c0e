package cloze.cuda;

class AttentionMutantsTest extends Mutants {
    AttentionMutantsTest() {
        super(Mutant::isOfAttention);
    }
}
